export { coordSection } from './config.ts';
export type { OpenCoord } from './coordinator.ts';
export { declareCoordEngine } from './engine-record.ts';
export { coordErrors, type CoordErrorCode } from './errors.ts';
export { coordMigrations } from './migrations.ts';
export { openCoord } from './open.ts';
export { openPostgresCoord } from './postgres.ts';
export { coordProbes } from './probe.ts';
export type * from './types.ts';
