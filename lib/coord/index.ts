export { coordErrors, type CoordErrorCode } from './errors.ts';
export { coordMigrations } from './migrations.ts';
export { openPostgresCoord, type OpenCoord, type PostgresCoordOptions } from './postgres.ts';
export type * from './types.ts';
