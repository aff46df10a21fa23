import {
  ConfigResourceTypes,
  findErrorBy,
  IncrementalAlterConfigOperationTypes,
  type Admin,
} from '@platformatic/kafka';
import { CodedError } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import { eventLogErrors } from './errors.ts';
import type { Supervised } from './kafka-supervised.ts';
import { appendBytesMax, segmentMsOf } from './limits.ts';
import type { Topic } from './types.ts';

export interface KafkaTopicSettings {
  /** In Kafka. */
  readonly name: string;
  readonly topic: Topic;
  readonly replication: number;
  readonly logger: Logger;
}

/** Makes the topic, or gives one that is there the retention that its definition has by now. Errors: LOG_TOPIC_DIFFERS. */
export async function ensureTopic(admin: Supervised<Admin>, settings: KafkaTopicSettings): Promise<void> {
  if (await admin.ask((client) => create(client, settings))) return;
  const { name, topic, logger } = settings;
  const partitions = await admin.ask((client) => countPartitions(client, name));
  if (partitions !== topic.partitions) {
    const detail = `${name} has ${partitions}, not ${topic.partitions}`;
    throw new CodedError(eventLogErrors, 'LOG_TOPIC_DIFFERS', { detail });
  }
  // Our user may have no right to it; the records are kept for another time then, and that is all.
  await admin
    .ask((client) => adjustRetention(client, name, topic))
    .catch((error: unknown) => logger.warn({ error, topic: name }, 'retention of topic not looked after'));
}

/** False when it was there. */
async function create(client: Admin, { name, topic, replication }: KafkaTopicSettings): Promise<boolean> {
  const settings = { ...fixedOf(replication), ...retentionOf(topic) };
  const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  const { partitions } = topic;
  try {
    await client.createTopics({ topics: [name], partitions, replicas: replication, configs });
    return true;
  } catch (error) {
    if (error instanceof Error && findErrorBy(error, 'apiId', 'TOPIC_ALREADY_EXISTS') !== null) return false;
    throw error;
  }
}

async function countPartitions(client: Admin, name: string): Promise<number | undefined> {
  const metadata = await client.metadata({ topics: [name], forceUpdate: true });
  return metadata.topics.get(name)?.partitionsCount;
}

/** What else an operator has set stays as it is. */
async function adjustRetention(client: Admin, name: string, topic: Topic): Promise<void> {
  const wanted = Object.entries(retentionOf(topic));
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: name };
  const configurationKeys = wanted.map(([key]) => key);
  const [found] = await client.describeConfigs({ resources: [{ ...resource, configurationKeys }] });
  const known = new Map(found.configs.map((config) => [config.name, config.value]));
  const configs = wanted
    .filter(([key, value]) => known.get(key) !== value)
    .map(([key, value]) => ({ name: key, value, configOperation: IncrementalAlterConfigOperationTypes.SET }));
  if (configs.length > 0) await client.incrementalAlterConfigs({ resources: [{ ...resource, configs }] });
}

function retentionOf(topic: Topic): Record<string, string> {
  return { 'retention.ms': String(topic.retentionMs), 'segment.ms': String(segmentMsOf(topic)) };
}

function fixedOf(replication: number): Record<string, string> {
  return {
    'cleanup.policy': 'delete',
    'max.message.bytes': String(4 * appendBytesMax),
    // The clocks of many writers differ; the retention is by this time, too.
    'message.timestamp.type': 'LogAppendTime',
    'min.insync.replicas': String(Math.min(2, Math.max(1, replication - 1))),
  };
}
