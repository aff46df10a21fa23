export { jobErrors, type JobErrorCode } from './errors.ts';
export { jobMigrations } from './migrations.ts';
export { JobRunner, type JobsOptions } from './runner.ts';
export type { MisfirePolicy, OverrunPolicy } from './ticks.ts';
export type * from './types.ts';
