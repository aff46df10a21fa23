export { eventlogSection } from './config.ts';
export { eventLogErrors, type EventLogErrorCode } from './errors.ts';
export { eventlogMigrations } from './migrations.ts';
export { openEventLog, type EventLogOptions } from './open.ts';
export { openPostgresLog, type PostgresLogOptions } from './postgres.ts';
export { eventlogProbes } from './probe.ts';
export type * from './types.ts';
