import { encodeAmf0 } from '../amf/index.ts';

const SET_DATA_FRAME = encodeAmf0('@setDataFrame');

/**
 * The data message a viewer gets: publishers wrap metadata in `@setDataFrame`, which is an order to the server
 * and must not be relayed. AMF3 data messages (type 15) begin with a zero byte, which goes too.
 */
export function stripDataFrame(payload: Buffer, isAmf3 = false): Buffer {
  const body = isAmf3 && payload[0] === 0 ? payload.subarray(1) : payload;
  const isWrapped = body.subarray(0, SET_DATA_FRAME.length).equals(SET_DATA_FRAME);
  return isWrapped ? body.subarray(SET_DATA_FRAME.length) : body;
}

/** Wraps a data message in `@setDataFrame`, as a publisher sends metadata. */
export function wrapDataFrame(payload: Buffer): Buffer {
  return Buffer.concat([SET_DATA_FRAME, payload]);
}
