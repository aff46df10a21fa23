/** Codes of lib/breaker. */
export const breakerErrors = {
  BREAKER_OPEN: { http: 503, grpc: 14, message: 'this has failed too often and is left alone for a while' },
} as const;
