export { prepareArchives } from './archives.ts';
export { copyBinary, coversAllShards, type BytesColumn, type CopiedTable, type CopyColumns } from './copy.ts';
export {
  archiveDatabaseNames,
  assertConnections,
  databaseNames,
  databaseUrls,
  ensureDatabases,
  shardDatabaseNames,
  withDatabase,
  type DatabaseUrls,
} from './databases.ts';
export { type BinaryRows, readBinaryRows } from './binary-rows.ts';
export { Frames } from './frames.ts';
export { embeddedUrl, startEmbedded, type EmbeddedOptions, type EmbeddedPostgres } from './embedded.ts';
export { outageCodes, sqlErrors, type SqlErrorCode } from './errors.ts';
export { migrate, type DatabaseKind, type MigrateOptions, type MigrationSet } from './migrate.ts';
export { toSqlError } from './pool.ts';
export { prepareDatabases, readShardMap, shardMapKey, type ShardMap } from './shard-map.ts';
export { findDeparture, finishMove } from './shard-moves.ts';
export { arrivalSchema, movePrefix, shardLockClass } from './shard-schema.ts';
export { connectionPlan, openSql, type OpenSql, type SqlOptions } from './sql.ts';
export * from './types.ts';
