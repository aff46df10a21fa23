export { PartialBytes } from './partial-bytes.ts';
export { BitReader } from './bit-reader.ts';
export { BitWriter } from './bit-writer.ts';
