const entry = (http: number, grpc: number, message: string) => ({ http, grpc, message }) as const;

/** What any adapter of `lib/coord` may answer; callers match the codes. */
export const coordErrors = {
  COORD_UNAVAILABLE: entry(503, 14, 'the coordination engine is not reachable'),
  COORD_ENGINE_DIFFERS: entry(
    500,
    9,
    'this process is set to another coordination engine than its installation',
  ),
  COORD_CLOSED: entry(500, 9, 'this process has left coordination'),
  MEMBER_TOO_LARGE: entry(400, 3, 'the data of a member is at most 4 KiB of JSON'),
  RECORD_TOO_LARGE: entry(400, 3, 'a record is at most 256 KiB of JSON'),
  COORD_LIMIT: entry(429, 8, 'one process holds too many members, leases or watches'),
} as const;

export type CoordErrorCode = keyof typeof coordErrors;
