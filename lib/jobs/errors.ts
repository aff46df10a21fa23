const entry = (http: number, grpc: number, message: string) => ({ http, grpc, message }) as const;

/** What `lib/jobs` may answer, and the reasons with which the signal of a job is aborted; callers match the codes. */
export const jobErrors = {
  JOBS_FULL: entry(429, 8, 'too many jobs of this kind are waiting'),
  JOBS_CLOSED: entry(503, 14, 'this process takes no more jobs'),
  JOB_TOO_LARGE: entry(413, 8, 'payload and result of a job are at most 64 KiB of JSON'),
  JOB_TIMED_OUT: entry(504, 4, 'the job took too long'),
  JOB_LOST: entry(409, 10, "the job is no longer this process's"),
  JOB_CANCELLED: entry(409, 10, 'an operator cancelled the job'),
  TICK_DONE: entry(409, 6, 'the tick has had its effect already'),
  PLAN_UNKNOWN: entry(404, 5, 'there is no such plan'),
  PLAN_BUSY: entry(409, 9, 'as many runs of the plan are open as may be'),
  JOB_UNKNOWN: entry(404, 5, 'there is no such sharded job'),
  SCHEDULE_INVALID: entry(400, 3, 'the schedule or time zone cannot be read, or never comes'),
} as const;

export type JobErrorCode = keyof typeof jobErrors;
