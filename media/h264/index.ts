export {
  createAvcDecoderRecord,
  encodeAvcDecoderRecord,
  parseAvcDecoderRecord,
  type AvcDecoderRecord,
} from './decoder-record.ts';
export {
  addEmulationPrevention,
  annexBNals,
  avccNals,
  isReference,
  nalType,
  nalTypeOf,
  removeEmulationPrevention,
  toAnnexB,
  toAvcc,
  type NalLengthBytes,
} from './nal.ts';
export { inspectAvcAccessUnit, rebuildAvcDecoderRecord, type AvcAccessUnit } from './parameter-sets.ts';
export { parseAvcSps, type AvcSps } from './sps.ts';
