/** Codes of RTMP sockets; those of a listener have the names they have in lib/http. */
export const rtmpErrors = {
  PORT_TAKEN: { http: 500, grpc: 9, message: 'the port is taken' },
  PORT_FORBIDDEN: { http: 500, grpc: 9, message: 'this user may not listen on the port' },
  ADDRESS_UNAVAILABLE: { http: 500, grpc: 9, message: 'this machine has no such address' },
  RTMP_UNREACHABLE: { http: 502, grpc: 14, message: 'the RTMP server cannot be reached' },
  RTMP_TIMEOUT: { http: 504, grpc: 4, message: 'the RTMP server did not answer in time' },
  RTMP_REFUSED: { http: 409, grpc: 9, message: 'the RTMP server refuses the stream' },
  RTMP_CLOSED: { http: 502, grpc: 14, message: 'the RTMP connection is closed' },
  RTMP_PROTOCOL: { http: 502, grpc: 13, message: 'the peer broke the RTMP protocol' },
} as const;
