export { jobErrors, type JobErrorCode } from './errors.ts';
export { jobMigrations } from './migrations.ts';
export { Planner, type PlannerOptions } from './planner.ts';
export { Plans } from './plans.ts';
export { JobRunner, type JobsOptions } from './runner.ts';
export type { MisfirePolicy, OverrunPolicy } from './ticks.ts';
export type * from './types.ts';
export type { OverlapPolicy, PlanPolicies } from './planning.ts';
export type { Schedule } from './schedule.ts';
