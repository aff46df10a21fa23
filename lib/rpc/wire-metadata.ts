import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import type { CodedError } from '../error/index.ts';
import { fromWire, rpcError, toWire, type RpcErrorCode, type WireError } from './errors.ts';

const errorKey = 'gala-error-bin';

const statusByNumber = new Map<number, status>(
  Object.values(status)
    .filter((value) => typeof value === 'number')
    .map((value) => [value, value]),
);

/** Status and trailers that carry a CodedError. */
export function statusOf(error: CodedError): { code: status; details: string; metadata: Metadata } {
  const wire = toWire(error);
  const metadata = new Metadata();
  metadata.set(errorKey, Buffer.from(JSON.stringify(wire)));
  return { code: statusByNumber.get(wire.grpc) ?? status.UNKNOWN, details: wire.code, metadata };
}

/**
 * The CodedError that a status stands for; a status that the peer's handler did not make gets a common code. What
 * gRPC says of it names our addresses: that is for our logs, not for those who see the error.
 */
export function errorOf(found: Pick<StatusObject, 'code' | 'details' | 'metadata'>): CodedError {
  const [carried] = found.metadata?.get(errorKey) ?? [];
  const wire = carried === undefined ? undefined : parse(carried);
  if (wire) return fromWire(wire);
  return rpcError(codes[found.code] ?? 'INTERNAL', { cause: new Error(found.details) });
}

const codes: Readonly<Record<number, RpcErrorCode>> = {
  [status.CANCELLED]: 'UNAVAILABLE',
  [status.DEADLINE_EXCEEDED]: 'DEADLINE_EXCEEDED',
  [status.RESOURCE_EXHAUSTED]: 'MESSAGE_TOO_LARGE',
  // Nothing in the peer answers to this path: an older version, or another process on its port.
  [status.UNIMPLEMENTED]: 'NOT_SERVED',
  [status.UNAVAILABLE]: 'UNAVAILABLE',
  [status.UNAUTHENTICATED]: 'UNAUTHENTICATED',
};

function parse(carried: string | Buffer): WireError | undefined {
  try {
    const wire = JSON.parse(carried.toString()) as WireError;
    return typeof wire.code === 'string' ? wire : undefined;
  } catch {
    return undefined;
  }
}
