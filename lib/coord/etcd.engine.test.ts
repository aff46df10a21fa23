import { EtcdCluster } from '../../test/harness/engines/etcd.ts';
import { startOwner } from '../../test/harness/coord-owner.ts';
import { describeWithEngines } from '../../test/engines.ts';
import { systemClock } from '../clock/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { openWire } from '../sql/testing/index.ts';
import { coordContract, type CoordFixture, type Killable } from './contract.ts';
import type { OpenCoord } from './coordinator.ts';
import { openEtcdCoord } from './etcd.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const prefix = 'test/';

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
        member.start();
        await cluster.ready();
      },
      [Symbol.asyncDispose]: async () => {
        for (const owner of owners) owner.kill();
        await behind.disposeAsync();
        await cluster[Symbol.asyncDispose]();
      },
    };
  });
});
