const entry = (http: number, grpc: number, message: string) => ({ http, grpc, message }) as const;

/** What the change feed may answer; callers match the codes. */
export const changeErrors = {
  CHANGES_MALFORMED: entry(500, 13, 'the database sent changes that cannot be read'),
  CHANGES_STOPPED: entry(503, 14, 'the feed of changes was stopped'),
} as const;
