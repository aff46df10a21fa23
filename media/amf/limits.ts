/** Bounds of one AMF message; beyond them decoding stops with an error. */
export interface AmfLimits {
  /** Objects and arrays nested in each other. */
  depthMax: number;
  /** Values in the message, keys not counted. */
  valuesMax: number;
  /** Bytes of one string or key. */
  stringBytesMax: number;
}

/** Wide enough for `onMetaData` of a two-hour file with its key frame index. */
export const amfLimits: Readonly<AmfLimits> = { depthMax: 16, valuesMax: 16_384, stringBytesMax: 65_536 };
