/** What pulling an FLV stream may fail with. */
export const flvClientErrors = {
  FLV_URL_INVALID: { http: 400, grpc: 3, message: 'the URL is not one of HTTP-FLV' },
  FLV_UNREACHABLE: { http: 502, grpc: 14, message: 'the FLV server cannot be reached' },
  FLV_REFUSED: { http: 502, grpc: 9, message: 'the FLV server refuses the stream' },
  FLV_TIMEOUT: { http: 504, grpc: 4, message: 'the FLV server did not send in time' },
  FLV_CLOSED: { http: 502, grpc: 14, message: 'the FLV stream has ended' },
  FLV_MALFORMED: { http: 502, grpc: 13, message: 'what the server sends is not FLV' },
} as const;
