/** What becomes of work that is done by a child process for the sake of its native code. */
export const fenceErrors = {
  NATIVE_MISSING: { http: 503, grpc: 14, message: 'node-av is not installed for this platform' },
  NATIVE_FAILED: { http: 500, grpc: 13, message: 'the native codecs refuse the stream' },
  CHILD_ENDED: { http: 503, grpc: 14, message: 'the child process has ended' },
  CHILD_STALLED: { http: 503, grpc: 14, message: 'the child process does not go on' },
  MESSAGE_INVALID: { http: 500, grpc: 13, message: 'a message between processes is malformed' },
} as const;
