import { EcmaArray, decodeAmf0, encodeAmf0, type AmfObject, type AmfValue } from '../amf/index.ts';

const SET_DATA_FRAME = '@setDataFrame';
const ON_METADATA = 'onMetaData';

/** The body of an `onMetaData` data tag. */
export function encodeMetadata(properties: AmfObject): Buffer {
  return encodeAmf0(ON_METADATA, new EcmaArray(properties));
}

/**
 * The properties of an `onMetaData` body, with or without `@setDataFrame` around it; undefined for other data
 * messages. Errors: `AMF_*`.
 */
export function decodeMetadata(payload: Buffer): AmfObject | undefined {
  const values = decodeAmf0(payload);
  const [name, properties] = values[0] === SET_DATA_FRAME ? values.slice(1) : values;
  return name === ON_METADATA && isObject(properties) ? properties : undefined;
}

function isObject(value: AmfValue): value is AmfObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
