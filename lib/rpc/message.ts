import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { rpcError } from './errors.ts';

/** Largest message in either direction, encoded. */
export const messageBytesMax = 4 << 20;

/**
 * Encodes what a caller or handler gave. Both transports carry bytes, so that neither side can reach into the
 * other's objects and both have the same bound.
 * @throws CodedError INVALID_REQUEST when it does not fit the schema, MESSAGE_TOO_LARGE.
 */
export function encode<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Uint8Array {
  const bytes = encodeUnchecked(schema, init);
  if (bytes.length > messageBytesMax) {
    throw rpcError('MESSAGE_TOO_LARGE', {
      detail: `${schema.typeName} of ${bytes.length} bytes, at most ${messageBytesMax}`,
    });
  }
  return bytes;
}

/** Decodes and freezes. @throws CodedError INVALID_REQUEST. */
export function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return deepFreeze(fromBinary(schema, bytes));
  } catch (cause) {
    throw rpcError('INVALID_REQUEST', { cause, detail: `no ${schema.typeName}` });
  }
}

function encodeUnchecked<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Uint8Array {
  try {
    return toBinary(schema, create(schema, init));
  } catch (cause) {
    throw rpcError('INVALID_REQUEST', { cause, detail: (cause as Error).message });
  }
}

/** Bytes cannot be frozen, but nobody else holds them. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
