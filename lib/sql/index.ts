export {
  assertConnections,
  coreDatabaseName,
  databaseUrls,
  ensureDatabases,
  shardDatabaseNames,
  withDatabase,
  type DatabaseUrls,
} from './databases.ts';
export { embeddedUrl, startEmbedded, type EmbeddedOptions, type EmbeddedPostgres } from './embedded.ts';
export { outageCodes, sqlErrors, type SqlErrorCode } from './errors.ts';
export { migrate, type DatabaseKind, type MigrateOptions, type MigrationSet } from './migrate.ts';
export { BinaryRows, copyBinary } from './copy.ts';
export { toSqlError } from './pool.ts';
export { prepareDatabases, shardMapKey } from './shard-map.ts';
export { connectionPlan, openSql, type OpenSql, type SqlOptions } from './sql.ts';
export * from './types.ts';
