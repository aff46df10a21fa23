import { Breakers } from '@gala/lib/breaker';
import { Caches } from '@gala/lib/cache';
import { ManualClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { coordMigrations, openPostgresCoord } from '@gala/lib/coord';
import { createMetrics } from '@gala/lib/metrics';
import type { OpenSql } from '@gala/lib/sql';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { composeUserId } from '@gala/protocol/ids';
import { Admission } from './admission.ts';
import { Areas } from './areas.ts';
import { CatalogEvents } from './catalog-events.ts';
import { readConfig, roomSection, type RoomConfig } from './config.ts';
import { RoomEvents } from './events.ts';
import { HeartBeats } from './heart-beats.ts';
import { Hosts } from './hosts.ts';
import { LiveList } from './live-list.ts';
import { OngoingRooms } from './ongoing/ongoing-rooms.ts';
import { ViewerCounts } from './ongoing/viewer-counts.ts';
import { DbReader } from './reader/db-reader.ts';
import { Reads } from './reads.ts';
import { Recordings } from './recordings.ts';
import { Rooms } from './rooms.ts';
import { migrations } from './store/schema.ts';

export type TestRooms = Awaited<ReturnType<typeof startTestRooms>>;

/** The domain of the room role on a real PostgreSQL, with a clock that tests move. */
export async function startTestRooms(config: Partial<RoomConfig> = {}) {
  const postgres = await startTestPostgres({ sets: [coordMigrations, ...migrations] });
  const rooms = await openTestRooms(postgres, config);
  return {
    ...rooms,
    [Symbol.asyncDispose]: async () => {
      await rooms[Symbol.asyncDispose]();
      await postgres[Symbol.asyncDispose]();
    },
  };
}

interface TestDatabases {
  readonly sql: OpenSql;
  readonly clock?: ManualClock;
}

/** The same for a process with settings of its own. */
export async function openTestRooms(
  postgres: TestPostgres,
  config: Partial<RoomConfig>,
  { sql, clock = new ManualClock() }: TestDatabases = postgres,
) {
  const made = createTestParts({ sql, clock, logger: postgres.logger }, config);
  const coord = await openPostgresCoord({ ...made, database: sql.core(), processId: 'test-1' });
  const areas = await Areas.open({ ...made, coord });
  const parts = { ...made, coord, areas };
  return {
    ...parts,
    postgres,
    hosts: new Hosts(parts),
    rooms: new Rooms(parts),
    admission: new Admission(parts),
    heartBeats: new HeartBeats(parts),
    liveList: new LiveList({ ...parts, viewerCounts: new ViewerCounts(parts) }),
    recordings: new Recordings(parts),
    [Symbol.asyncDispose]: async () => {
      await areas[Symbol.asyncDispose]();
      await coord[Symbol.asyncDispose]();
    },
  };
}

function createTestParts(
  { sql, clock, logger }: Pick<TestPostgres, 'sql' | 'logger'> & { readonly clock: ManualClock },
  changes: Partial<RoomConfig>,
) {
  const metrics = createMetrics('test');
  const config = { ...readConfig(loadSettings([roomSection], { env: {} })), ...changes };
  const events = new RoomEvents({ logger, metrics });
  const catalogEvents = new CatalogEvents({ logger, metrics });
  const ongoing = new OngoingRooms({ sql, clock, config, metrics });
  const caches = new Caches({ processId: 'test', clock, metrics });
  const breakers = new Breakers({ clock, logger, metrics });
  const source = new DbReader({ sql, clock, config, metrics, breakers });
  const reads = new Reads({ sql, source, ongoing, caches, clock, config, metrics });
  return {
    sql,
    logger,
    clock,
    metrics,
    config,
    events,
    catalogEvents,
    reads,
    ongoing,
    disk: { isFull: false },
  };
}

let hostsMade = 0;

/** A new host and its stream key; their hash spreads neighbours over both shard databases. */
export async function makeHost({ hosts }: TestRooms) {
  const hostId = composeUserId(0, ++hostsMade);
  const { host, streamKey } = await hosts.create({ hostId, name: `host${hostId}`, title: 'a show' });
  return { hostId, host, streamKey };
}

export async function publish({ admission }: TestRooms, streamKey: string, edgeId = 'media-a') {
  const { room } = await admission.admit({ streamKey, edgeId, remoteAddress: '192.0.2.7' });
  return room;
}
