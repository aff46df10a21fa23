/** Codes of lib/http. Those that answer requests have the names and statuses of protocol's common errors. */
export const httpErrors = {
  INVALID_REQUEST: { http: 400, grpc: 3, message: 'the request is not valid' },
  NOT_FOUND: { http: 404, grpc: 5, message: 'nothing is here' },
  METHOD_NOT_ALLOWED: { http: 405, grpc: 12, message: 'the path does not take this method' },
  BODY_TOO_LARGE: { http: 413, grpc: 8, message: 'the body is too large' },
  INTERNAL: { http: 500, grpc: 13, message: 'something broke on our side' },
  PORT_TAKEN: { http: 500, grpc: 9, message: 'the port is taken' },
  PORT_FORBIDDEN: { http: 500, grpc: 9, message: 'this user may not listen on the port' },
  ADDRESS_UNAVAILABLE: { http: 500, grpc: 9, message: 'this machine has no such address' },
  TLS_INVALID: { http: 500, grpc: 9, message: 'the TLS certificate or key cannot be used' },
  PROXY_INVALID: { http: 500, grpc: 9, message: 'a trusted proxy is an IP address or a CIDR range' },
} as const;
