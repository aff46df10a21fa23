import { CodedError, hasCode } from '../error/index.ts';

/**
 * Codes of lib/rpc. Those that callers see have the names and statuses of protocol's common errors;
 * NOT_CONNECTED and NOT_SERVED say that no handler saw the call, and stay inside this folder.
 */
export const rpcErrors = {
  INVALID_REQUEST: { http: 400, grpc: 3, message: 'the request is not valid' },
  UNAUTHENTICATED: { http: 401, grpc: 16, message: 'sign in, or send a valid token' },
  MESSAGE_TOO_LARGE: { http: 413, grpc: 8, message: 'the message is too large' },
  CANCELLED: { http: 499, grpc: 1, message: 'the caller gave up' },
  INTERNAL: { http: 500, grpc: 13, message: 'something broke on our side' },
  UNAVAILABLE: { http: 503, grpc: 14, message: 'a part that this needs is not reachable' },
  DEADLINE_EXCEEDED: { http: 504, grpc: 4, message: 'the call took too long' },
  PORT_TAKEN: { http: 500, grpc: 9, message: 'the port is taken' },
  NOT_CONNECTED: { http: 503, grpc: 14, message: 'the member is not reachable' },
  NOT_SERVED: { http: 503, grpc: 14, message: 'the member does not serve this any more' },
} as const;

export type RpcErrorCode = keyof typeof rpcErrors;

/** Detail on the wire is cut to this many characters, since trailers are bounded. */
const detailCharactersMax = 1000;

/** An error as it crosses a process boundary: neither cause nor stack. */
export interface WireError {
  readonly code: string;
  readonly http: number;
  readonly grpc: number;
  readonly message: string;
  readonly detail?: string;
  readonly retryAfterSeconds?: number;
}

export function rpcError(
  code: RpcErrorCode,
  options: { detail?: string; cause?: unknown } = {},
): CodedError<RpcErrorCode> {
  return new CodedError(rpcErrors, code, options);
}

export function toWire(error: CodedError): WireError {
  const { code, http, grpc, detail, retryAfterSeconds } = error;
  const message = detail === undefined ? error.message : error.message.slice(0, -`: ${detail}`.length);
  return { code, http, grpc, message, detail: detail?.slice(0, detailCharactersMax), retryAfterSeconds };
}

export function fromWire(wire: WireError, cause?: unknown): CodedError {
  const { code, http, grpc, message, detail, retryAfterSeconds } = wire;
  return new CodedError({ [code]: { http, grpc, message } }, code, { detail, retryAfterSeconds, cause });
}

/** True when no handler saw the call, so that another member may get it. */
export function wasNeverServed(error: unknown): boolean {
  return hasCode<RpcErrorCode>(error, 'NOT_CONNECTED', 'NOT_SERVED');
}
