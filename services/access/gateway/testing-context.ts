import { tmpdir } from 'node:os';
import { Breakers } from '@gala/lib/breaker';
import { Caches } from '@gala/lib/cache';
import { systemClock } from '@gala/lib/clock';
import { openCollections } from '@gala/lib/collections';
import { loadSettings, type Section } from '@gala/lib/config';
import { coordMigrations, openPostgresCoord } from '@gala/lib/coord';
import { eventlogMigrations, openPostgresLog } from '@gala/lib/eventlog';
import { JobRunner, jobMigrations } from '@gala/lib/jobs';
import { listen, type HttpListener } from '@gala/lib/http';
import type { Context, Role } from '@gala/lib/lifecycle';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { createRpc } from '@gala/lib/rpc';
import type { MigrationSet } from '@gala/lib/sql';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { Tracer } from '@gala/lib/trace';

export interface TestHouseOptions {
  /** Started in this order on one context, as `--one` does. */
  readonly roles: readonly Role[];
  readonly sections: readonly Section[];
  readonly migrations: readonly MigrationSet[];
  /** Settings as environment variables: `GALA_GATEWAY_BASE_PATH`. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Roles in this process over a real PostgreSQL and a real listener, which trusts the loopback as its proxy. */
export interface TestHouse extends AsyncDisposable {
  readonly context: Context;
  readonly postgres: TestPostgres;
  readonly listener: HttpListener;
  readonly operatorToken: string;
  /** Every log line so far, as it was written. */
  readonly logLines: readonly string[];
}

export async function startTestHouse(options: TestHouseOptions): Promise<TestHouse> {
  await using stack = new AsyncDisposableStack();
  const logLines: string[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (line) => void logLines.push(line) } });
  const metrics = createMetrics('test');
  const postgres = stack.use(
    await startTestPostgres({
      sets: [coordMigrations, eventlogMigrations, jobMigrations, ...options.migrations],
      logger,
    }),
  );
  const database = postgres.sql.core();
  const coordOptions = { database, processId: 'test-1', clock: systemClock, logger, metrics };
  const coord = stack.use(await openPostgresCoord(coordOptions));
  const collections = stack.use(await openCollections({ clock: systemClock, logger, metrics }));
  const jobs = stack.use(new JobRunner({ ...coordOptions, coord }));
  const address = { host: '127.0.0.1', port: 0, portSetting: 'none', name: 'web' };
  const listener = stack.use(await listen({ ...address, logger, metrics, trustedProxies: ['127.0.0.1'] }));
  const admin = stack.use(await listen({ ...address, name: 'admin', logger, metrics }));
  const processId = 'test-1';
  const eventlog = stack.use(
    openPostgresLog({ database: postgres.sql.core(), coord, processId, logger, metrics }),
  );
  const clusterToken = 'cluster-token-of-tests';
  const rpcHost = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1', port: 0, portSetting: 'none' };
  const rpc = stack.use(createRpc({ memberId: processId, coord, clusterToken, ...rpcHost, logger, metrics }));
  const operatorToken = 'operator-token-of-tests';
  const context: Context = {
    dataFolder: tmpdir(),
    processId,
    processName: 'test',
    settings: loadSettings(options.sections, { env: options.env ?? {} }),
    secrets: { operatorToken, clusterToken },
    clock: systemClock,
    logger,
    metrics,
    rpc,
    sql: postgres.sql,
    coord,
    jobs,
    collections,
    caches: stack.use(new Caches({ processId: 'test-1', clock: systemClock, metrics })),
    eventlog,
    breakers: new Breakers({ clock: systemClock, logger, metrics }),
    tracer: new Tracer({ clock: systemClock, logger, metrics }),
    advertiseHost: '127.0.0.1',
    listener: async (name) => (name === 'admin' ? admin : listener),
    spawn: () => {
      throw new Error('the gateway starts no child');
    },
  };
  for (const role of options.roles) stack.use(await role.start(context));
  const owned = stack.move();
  const dispose = () => owned.disposeAsync();
  return { context, postgres, listener, operatorToken, logLines, [Symbol.asyncDispose]: dispose };
}
