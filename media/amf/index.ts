export { EcmaArray, type AmfObject, type AmfValue } from './value.ts';
export { amfLimits, type AmfLimits } from './limits.ts';
export { Amf0Reader, decodeAmf0 } from './decode.ts';
export { encodeAmf0 } from './encode.ts';
