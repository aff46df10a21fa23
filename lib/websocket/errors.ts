/** Codes of lib/websocket, with the names and statuses of protocol's common errors. */
export const websocketErrors = {
  INVALID_REQUEST: { http: 400, grpc: 3, message: 'the request is not valid' },
  METHOD_NOT_ALLOWED: { http: 405, grpc: 12, message: 'the path does not take this method' },
  UPGRADE_REQUIRED: { http: 426, grpc: 9, message: 'WebSocket connections speak version 13' },
} as const;

/** Statuses that a connection is closed with (RFC 6455, 7.4.1). */
export const closeCodes = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  invalidData: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
  /** Not on the wire: a close frame without status, and a connection that ended without a close frame. */
  none: 1005,
  abnormal: 1006,
} as const;

const codesOfReceiver: Readonly<Record<string, number>> = {
  WS_ERR_INVALID_UTF8: closeCodes.invalidData,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: closeCodes.messageTooBig,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: closeCodes.messageTooBig,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: closeCodes.policyViolation,
};

/** The status for what the parser found wrong; what zlib finds is data that is not what it says. */
export function closeCodeOf(error: { readonly code?: string }): number {
  if (error.code?.startsWith('Z_')) return closeCodes.invalidData;
  return codesOfReceiver[error.code ?? ''] ?? closeCodes.protocolError;
}
