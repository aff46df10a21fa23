import { Admin, ConfigResourceTypes } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithEngines } from '../../test/engines.ts';
import { startKafka, type KafkaCluster, type KafkaUser } from '../../test/harness/engines/kafka.ts';
import { openTestLog } from '../../test/harness/log-fixture.ts';
import { coordMigrations } from '../coord/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import { openKafkaLog, type KafkaAccess } from './kafka.ts';
import type { EventLog, Topic } from './types.ts';

const user: KafkaUser = { name: 'gala', password: 'correct-horse' };
const soon = { timeout: 10_000, interval: 50 };
const topic: Topic = { name: 'access', partitions: 2, retentionMs: 3_600_000 };

/** Goal: brokers that ask for a user, and topics that are there from before. Method: one real broker with users. */
describeWithEngines('the event log in a Kafka that asks for a user', ['java', 'mvn'], () => {
  const cleanUp = new AsyncDisposableStack();
  let kafka: KafkaCluster;
  let postgres: TestPostgres;

  beforeAll(async () => {
    kafka = cleanUp.use(await startKafka({ user }));
    postgres = cleanUp.use(await startTestPostgres({ sets: [coordMigrations] }));
  }, 120_000);
  afterAll(() => cleanUp.disposeAsync(), 60_000);

  const signedIn = (mechanism: NonNullable<KafkaAccess['sasl']>['mechanism'], password = user.password) => ({
    mechanism,
    username: user.name,
    password,
  });
  const open = (sasl: KafkaAccess['sasl'], processId: string): Promise<EventLog> =>
    openTestLog(postgres, processId, (parts) => {
      const access = { brokers: kafka.addresses, prefix: 'user-', replication: 1, sasl };
      return openKafkaLog({ ...parts, access, processId, logger: postgres.logger });
    });

  const asAdmin = (): Admin => {
    const sasl = signedIn('PLAIN');
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: kafka.addresses, sasl });
    cleanUp.defer(() => admin.close());
    return admin;
  };

  test.each(['PLAIN', 'SCRAM-SHA-512'] as const)('%s', { timeout: 60_000 }, async (mechanism) => {
    await using log = await open(signedIn(mechanism), mechanism);
    const end = await log.end(topic);
    await log.append(topic, 'key', [Buffer.from(mechanism)]);
    for await (const { records } of log.follow(topic, end, AbortSignal.timeout(30_000))) {
      expect(records.map(({ value }) => value.toString())).toEqual([mechanism]);
      break;
    }
  });

  test('a wrong password, and no user at all', { timeout: 60_000 }, async () => {
    for (const sasl of [signedIn('SCRAM-SHA-512', 'wrong'), signedIn('PLAIN', 'wrong'), undefined]) {
      await using log = await open(sasl, `refused-${sasl?.mechanism}`);
      await expect(log.end(topic)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    }
  });

  test('a reader and a group beyond the end', { timeout: 60_000 }, async () => {
    const short = { ...topic, name: 'short', partitions: 1 };
    await using log = await open(signedIn('PLAIN'), 'short');
    await log.append(
      short,
      'key',
      ['1', '2', '3'].map((text) => Buffer.from(text)),
    );
    const admin = asAdmin();
    const partitionOffsets = [{ partition: 0, offset: 100n }];
    const topics = [{ name: 'user-short', partitionOffsets }];
    await vi.waitFor(() => admin.alterConsumerGroupOffsets({ groupId: 'user-group', topics }), soon);
    const signal = AbortSignal.timeout(30_000);
    const following = log.follow(short, [{ partition: 0, offset: 100 }], signal);
    await expect(following[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'LOG_TRIMMED' });
    // The group begins with what there is, and its commits count from there.
    for await (const batch of log.consume(short, 'group', signal)) {
      expect(batch.records.map(({ value }) => value.toString())).toEqual(['1', '2', '3']);
      await batch.commit();
      break;
    }
    const [group] = await admin.listConsumerGroupOffsets({ groups: [{ groupId: 'user-group' }] });
    expect(group.topics[0].partitions[0].committedOffset).toBe(3n);
  });

  test('the retention of a topic follows its definition', { timeout: 60_000 }, async () => {
    const changed = { ...topic, name: 'changed' };
    const admin = asAdmin();
    for (const retentionMs of [3_600_000, 7_200_000, 1_800_000]) {
      await using log = await open(signedIn('PLAIN'), `retention-${retentionMs}`);
      await log.end({ ...changed, retentionMs });
      const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: 'user-changed' };
      // A broker that has said yes shows it a moment later.
      await vi.waitFor(async () => {
        const [{ configs }] = await admin.describeConfigs({ resources: [resource] });
        const valueOf = (name: string): unknown => configs.find((config) => config.name === name)?.value;
        expect(valueOf('retention.ms')).toBe(String(retentionMs));
        expect(valueOf('segment.ms')).toBe(String(retentionMs / 8));
        expect(valueOf('message.timestamp.type')).toBe('LogAppendTime');
      }, soon);
    }
  });
});
