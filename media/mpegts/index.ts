export { crc32Mpeg2 } from './crc32.ts';
export { packetBytes, wrap33 } from './packet-writer.ts';
export { pid } from './tables.ts';
export { isTsTrack, TsWriter } from './ts-writer.ts';
