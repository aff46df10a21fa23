export const recordErrors = {
  RECORD_CONTENDED: { http: 409, grpc: 10, message: 'others change this at the same time; try again' },
} as const;
