import type { Settings } from '../config/index.ts';
import type { Database } from '../sql/index.ts';
import { coordSection, etcdAccess } from './config.ts';
import type { CoordParts, OpenCoord } from './coordinator.ts';
import { assertCoordEngine } from './engine-record.ts';
import { openPostgresCoord } from './postgres.ts';

export interface CoordOptions extends CoordParts {
  readonly settings: Settings;
  /** The core database, for the engine that lives there. */
  readonly database: Database;
}

/** Opens the engine that the settings choose; a client that is not needed is not loaded. Errors: COORD_UNAVAILABLE, COORD_ENGINE_DIFFERS. */
export async function openCoord({ settings, ...parts }: CoordOptions): Promise<OpenCoord> {
  const config = settings.get(coordSection);
  await assertCoordEngine(parts.database.pool, config);
  if (config.engine === 'postgres') return openPostgresCoord(parts);
  const { openEtcdCoord } = await import('./etcd.ts');
  return openEtcdCoord({ ...parts, ...(await etcdAccess(config)), prefix: config.prefix });
}
