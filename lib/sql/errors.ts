const unavailable = 14;
const resourceExhausted = 8;
const failedPrecondition = 9;
const aborted = 10;
const internal = 13;
const unimplemented = 12;
const deadlineExceeded = 4;

const entry = (http: number, grpc: number, message: string) => ({ http, grpc, message }) as const;

/** What `lib/sql` may answer; callers match the codes. */
export const sqlErrors = {
  POSTGRES_PLATFORM_UNSUPPORTED: entry(
    501,
    unimplemented,
    'no PostgreSQL binaries exist for this platform, set DATABASE_URL',
  ),
  POSTGRES_ACCOUNT_MISSING: entry(
    500,
    failedPrecondition,
    'PostgreSQL needs a user account other than root, set DATABASE_URL or add one',
  ),
  POSTGRES_START_FAILED: entry(500, internal, 'the embedded PostgreSQL did not start'),
  POSTGRES_NOT_RUNNING: entry(503, unavailable, 'the embedded PostgreSQL of this data folder is not running'),
  DATA_IN_USE: entry(409, failedPrecondition, 'another Gala runs on this data folder'),
  DATA_MISSING: entry(500, failedPrecondition, 'the database of this data folder is gone'),
  DATA_NEWER: entry(500, failedPrecondition, 'the data was written by a newer Gala'),
  DATA_OLDER: entry(500, failedPrecondition, 'the data was written by an older PostgreSQL'),
  MIGRATION_FAILED: entry(500, internal, 'a migration of the database failed'),
  BUDGET_TOO_LARGE: entry(500, failedPrecondition, 'the database allows fewer connections than configured'),
  DATABASE_UNAVAILABLE: entry(503, unavailable, 'the database is not reachable'),
  DATABASE_BUSY: entry(503, unavailable, 'no connection to the database became free in time'),
  STATEMENT_TIMEOUT: entry(504, deadlineExceeded, 'the database took too long'),
  COPY_TOO_LARGE: entry(500, resourceExhausted, 'a copied table is larger than its bound'),
  COPY_MALFORMED: entry(500, internal, 'the copied rows are not of the types that were named'),
  WRONG_ARCHIVE: entry(
    500,
    failedPrecondition,
    'the archives of the settings are not those of this installation',
  ),
  WRONG_SHARD: entry(503, aborted, 'the shard is on another database'),
} as const;

/** Codes that say "not now" rather than "not so": a caller may try again. */
export const outageCodes = [
  'DATABASE_UNAVAILABLE',
  'DATABASE_BUSY',
  'STATEMENT_TIMEOUT',
  'WRONG_SHARD',
] as const;

export type SqlErrorCode = keyof typeof sqlErrors;
