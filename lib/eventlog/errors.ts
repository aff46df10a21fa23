const entry = (http: number, grpc: number, message: string) => ({ http, grpc, message }) as const;

/** What any adapter of `lib/eventlog` may answer; callers match the codes. */
export const eventLogErrors = {
  LOG_UNAVAILABLE: entry(503, 14, 'the event log is not reachable'),
  LOG_CLOSED: entry(500, 9, 'this process has closed the event log'),
  LOG_FULL: entry(429, 8, 'too much is on its way to the event log'),
  LOG_TOO_LARGE: entry(400, 3, 'an append is at most 10,000 records and 1 MB'),
  LOG_TRIMMED: entry(410, 11, 'the position is older than what the event log keeps'),
  LOG_NOT_OWNER: entry(409, 9, 'another member of the group reads this partition by now'),
  LOG_TOPIC_DIFFERS: entry(500, 9, 'the topic exists with another number of partitions'),
  LOG_LIMIT: entry(429, 8, 'one process has too many topics or consumers'),
} as const;

export type EventLogErrorCode = keyof typeof eventLogErrors;
