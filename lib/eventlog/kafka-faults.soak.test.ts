import { afterAll, expect, test, vi } from 'vitest';
import { describeWithEngines } from '../../test/engines.ts';
import { startKafka, type KafkaCluster } from '../../test/harness/engines/kafka.ts';
import { openTestLog } from '../../test/harness/log-fixture.ts';
import { LoadedLog, type Outcome } from '../../test/harness/loaded-log.ts';
import { startTestPostgres } from '../sql/testing/index.ts';
import { coordMigrations } from '../coord/index.ts';
import { openKafkaLog } from './kafka.ts';

/** From the broker's answering again to what is written then having been read. */
const flowingMsMax = 15_000;

describeWithEngines('the event log while brokers of Kafka are killed', ['java', 'mvn'], () => {
  const rows: Record<string, string | number>[] = [];
  afterAll(() => console.table(rows));

  const load = async (stack: AsyncDisposableStack, kafka: KafkaCluster): Promise<LoadedLog> => {
    const replication = kafka.brokers.length;
    const postgres = stack.use(await startTestPostgres({ sets: [coordMigrations] }));
    const access = { brokers: kafka.addresses, prefix: 'fault-', replication };
    const open = (processId: string) =>
      openTestLog(postgres, processId, (parts) =>
        openKafkaLog({ ...parts, access, processId, logger: postgres.logger }),
      );
    return stack.use(await LoadedLog.start(open, { name: 'load', partitions: 6, retentionMs: 3_600_000 }));
  };

  const check = (fault: string, outcome: Outcome, flowingMs: number): void => {
    const { acknowledged, lost, disordered, twice, refused } = outcome;
    rows.push({ fault, acknowledged, lost, disordered, twice, refused, 'flowing after ms': flowingMs });
    expect({ lost, disordered, twice }).toEqual({ lost: 0, disordered: 0, twice: 0 });
    expect(acknowledged).toBeGreaterThan(100);
    expect(flowingMs).toBeLessThan(flowingMsMax);
  };

  // Each has a cluster of its own, and mostly waits for it.
  test.concurrent(
    'one of one: what was acknowledged is there, in order, and it goes on',
    { timeout: 180_000 },
    async () => {
      await using stack = new AsyncDisposableStack();
      const kafka = stack.use(await startKafka());
      const [broker] = kafka.brokers;
      const loaded = await load(stack, kafka);
      await loaded.flow();
      await broker.kill();
      await vi.waitFor(() => expect(loaded.refused).toBeGreaterThan(0), { timeout: 30_000 });
      await broker.start();
      const flowingMs = await loaded.flow();
      check('kill -9 of one of one', await loaded.finish(), flowingMs);
    },
  );

  test.concurrent('one of three, while it is away and when it is back', { timeout: 240_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const kafka = stack.use(await startKafka({ brokers: 3 }));
    const loaded = await load(stack, kafka);
    await loaded.flow();
    const [broker] = kafka.brokers;
    await broker.kill();
    const withoutMs = await loaded.flow();
    rows.push({ fault: 'kill -9 of one of three, two left', 'flowing after ms': withoutMs });
    await broker.start();
    const flowingMs = await loaded.flow();
    check('kill -9 of one of three, and back', await loaded.finish(), flowingMs);
  });
});
