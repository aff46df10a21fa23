import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { openPostgresCoord } from '@gala/lib/coord';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import type { DatabaseUrls } from '@gala/lib/sql';
import { Archiver } from '../../services/application/room/archive/archiver.ts';
import { readConfig, roomSection } from '../../services/application/room/config.ts';
import { openTestSql, testOptions } from './shop-process.ts';

/** Archives ended rooms until it is killed. */
const { urls, nowMs } = testOptions() as { urls: DatabaseUrls; nowMs: number };
const processId = `archiver-${process.pid}`;
const logger = createLogger({ name: processId, level: 'fatal' });
const metrics = createMetrics(processId);
const sql = await openTestSql(urls, 'archiver');
const coord = await openPostgresCoord({
  database: sql.core(),
  processId,
  clock: systemClock,
  logger,
  metrics,
});
const env = { GALA_ROOM_ARCHIVE_SETTLE_MS: '1', GALA_ROOM_ARCHIVE_EVERY_MS: '20' };
const config = readConfig(loadSettings([roomSection], { env }));
// The rooms of the test ended by a clock of its own.
const clock = { nowMs: () => nowMs, monotonicMs: () => performance.now() };
const archiver = new Archiver({ sql, coord, clock, config, logger, metrics });
console.log('ready');
process.once('SIGTERM', () => void archiver[Symbol.asyncDispose]().then(() => process.exit()));
