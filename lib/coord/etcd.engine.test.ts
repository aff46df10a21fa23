import { readFileSync } from 'node:fs';
import { Etcd3 } from 'etcd3';
import { expect, test, vi } from 'vitest';
import { EtcdCluster } from '../../test/harness/engines/etcd.ts';
import { startOwner } from '../../test/harness/coord-owner.ts';
import { describeWithEngines } from '../../test/engines.ts';
import { systemClock } from '../clock/index.ts';
import { loadSettings } from '../config/index.ts';
import { selfSigned } from '../http/testing/self-signed.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import type { Database } from '../sql/index.ts';
import { openWire } from '../sql/testing/index.ts';
import { coordContract, type CoordFixture, type Killable } from './contract.ts';
import { coordSection } from './config.ts';
import type { OpenCoord } from './coordinator.ts';
import { openEtcdCoord } from './etcd.ts';
import { openCoord } from './open.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const prefix = 'test/';
const soon = { timeout: 15_000 };

function open(processId: string, endpoints: readonly string[]): Promise<OpenCoord> {
  const metrics = createMetrics(processId);
  return openEtcdCoord({ processId, endpoints, prefix, clock: systemClock, logger, metrics });
}

describeWithEngines('etcd', ['etcd'], () => {
  coordContract('etcd', async (): Promise<CoordFixture> => {
    const owners: Killable[] = [];
    const behind = new AsyncDisposableStack();
    const cluster = await EtcdCluster.start();
    const [member] = cluster.members;
    return {
      open: (processId) => open(processId, cluster.endpoints),
      openBehindWire: async (processId) => {
        const wire = behind.use(await openWire(member.url));
        return { coord: await open(processId, [new URL(wire.url).origin]), cut: wire.cut };
      },
      startOwner: async (options) => {
        const owner = await startOwner({ ...options, url: member.url, prefix });
        owners.push(owner);
        return owner;
      },
      stopEngine: () => member.kill(),
      startEngine: async () => {
        await member.start();
        await cluster.ready();
      },
      [Symbol.asyncDispose]: async () => {
        for (const owner of owners) owner.kill();
        await behind.disposeAsync();
        await cluster[Symbol.asyncDispose]();
      },
    };
  });

  test(
    'with TLS and a user it goes on after a restart, which forgets all tokens',
    { timeout: 60_000 },
    async () => {
      await using cluster = await EtcdCluster.start({ tls: selfSigned() });
      const [member] = cluster.members;
      await createRoot(member.url, cluster.caPath);
      const settings = {
        GALA_COORD_ENGINE: 'etcd',
        GALA_COORD_ENDPOINTS: member.url,
        GALA_COORD_USER: 'root',
        GALA_COORD_TLS_CA: cluster.caPath,
      };
      const parts = { processId: 'secure', clock: systemClock, logger, database: noDatabase };
      const openWith = (password: string) => {
        const env = { ...settings, GALA_COORD_PASSWORD: password };
        const chosen = loadSettings([coordSection], { env });
        return openCoord({ ...parts, metrics: createMetrics('secure'), settings: chosen });
      };
      await expect(openWith('guess')).rejects.toMatchObject({ code: 'COORD_UNAVAILABLE' });
      // Longer than two ordinary requests may take: a busy engine takes its time for a password.
      await member.pause();
      const opening = openWith('secret');
      setTimeout(() => member.resume(), 2200);
      await using coord = await opening;
      const lease = await coord.lease('job', 0);
      const view = await coord.watch<number>('record');
      expect(await coord.cas('record', 0, 1)).toEqual({ value: 1, version: 1 });
      await member.kill();
      await member.start();
      await cluster.ready();
      // A write whose answer was lost is refused when it is made again.
      const write = async () => (await coord.cas('record', 1, 2)) ?? coord.get('record');
      await vi.waitFor(async () => expect(await write()).toEqual({ value: 2, version: 2 }), soon);
      await vi.waitFor(() => expect(view.current()).toEqual({ value: 2, version: 2 }), soon);
      expect(lease.fence).toBe(1);
    },
  );
});

/** Of an installation that never said which engine it uses. */
const noDatabase = { pool: { query: async () => ({ rows: [] }) } } as unknown as Database;

/** The first user, and from then on nobody gets in without one. */
async function createRoot(url: string, caPath: string): Promise<void> {
  const client = new Etcd3({ hosts: [url], credentials: { rootCertificate: readFileSync(caPath) } });
  const root = client.user('root');
  await root.create('secret');
  await root.addRole('root');
  await client.auth.authEnable();
  client.close();
}
