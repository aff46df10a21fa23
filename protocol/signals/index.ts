export * from './client-messages.ts';
export {
  batchVersion,
  decodeBatch,
  decodeSignals,
  encodeBatch,
  encodeSignals,
  openBatch,
  type BatchBase,
  type EncodedBatch,
  type EncodedSection,
} from './codec.ts';
export * from './messages.ts';
export * from './page-paths.ts';
export * from './page.ts';
export * from './partitions.ts';
export { readServerMessage, stringifyServerMessage } from './server-messages.ts';
export * from './signal.ts';
export { StateBook } from './state-book.ts';
