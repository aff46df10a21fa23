export { coordErrors, type CoordErrorCode } from './errors.ts';
export { coordMigrations } from './migrations.ts';
export type { CoordParts, OpenCoord } from './coordinator.ts';
export { openPostgresCoord, type PostgresCoordOptions } from './postgres.ts';
export type * from './types.ts';
