import { Client, type Pool } from 'pg';
import { CodedError } from '../error/index.ts';
import type { CoordConfig } from './config.ts';
import { coordErrors } from './errors.ts';
import * as statements from './statements.ts';

/** In the core database with either engine: what every process has to read before it coordinates. */
const key = 'coord/engine';

interface EngineRecord {
  readonly engine: string;
}

/**
 * Says which engine the installation coordinates by; `gala up` does, before it starts its processes. Returns what
 * was said before, when that is something else.
 */
export async function declareCoordEngine(coreUrl: string, config: CoordConfig): Promise<string | undefined> {
  const client = new Client({ connectionString: coreUrl, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const engine = engineName(config);
    const before = await statements.readRecord(client, key);
    const said = (before?.value as EngineRecord | undefined)?.engine;
    if (said === engine) return undefined;
    const json = JSON.stringify({ engine } satisfies EngineRecord);
    await statements.casRecord(client, { key, expected: before?.version ?? 0, json });
    return said;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Processes on different engines would not see each other, and a lease would have two owners. Errors: COORD_ENGINE_DIFFERS. */
export async function assertCoordEngine(pool: Pool, config: CoordConfig): Promise<void> {
  const said = ((await statements.readRecord(pool, key))?.value as EngineRecord | undefined)?.engine;
  const engine = engineName(config);
  if (said === undefined || said === engine) return;
  const detail = `gala up was started with ${said}, the settings here say ${engine}`;
  throw new CodedError(coordErrors, 'COORD_ENGINE_DIFFERS', { detail });
}

function engineName({ engine, prefix }: CoordConfig): string {
  return engine === 'etcd' ? `etcd, prefix ${prefix}` : engine;
}
