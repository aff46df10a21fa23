import { describeWithEngines } from '../../test/engines.ts';
import { startKafka } from '../../test/harness/engines/kafka.ts';
import { openTestLog } from '../../test/harness/log-fixture.ts';
import { startLogProcess } from '../../test/harness/log-process.ts';
import { coordMigrations } from '../coord/index.ts';
import { startTestPostgres } from '../sql/testing/index.ts';
import { logContract, type LogFixture } from './contract.ts';
import { openKafkaLog } from './kafka.ts';

describeWithEngines('the event log in Kafka', ['java', 'mvn'], () => {
  logContract('Kafka', async (): Promise<LogFixture> => {
    await using stack = new AsyncDisposableStack();
    const kafka = stack.use(await startKafka());
    const postgres = stack.use(await startTestPostgres({ sets: [coordMigrations] }));
    const { logger, urls } = postgres;
    const [broker] = kafka.brokers;
    const access = { brokers: kafka.addresses, prefix: 'test-', replication: 1 };
    const owned = stack.move();
    return {
      open: (processId) =>
        openTestLog(postgres, processId, (parts) => openKafkaLog({ ...parts, access, processId, logger })),
      startProcess: (options) => {
        const started = startLogProcess({ ...options, url: urls.core, brokers: kafka.addresses });
        owned.defer(() => started.kill());
        return started;
      },
      stopEngine: () => broker.kill(),
      startEngine: () => broker.start(),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  });
});
