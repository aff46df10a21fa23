import type { Settings } from '../config/index.ts';
import { eventlogSection, kafkaAccess } from './config.ts';
import { openPostgresLog, type PostgresLogOptions } from './postgres.ts';
import type { EventLog } from './types.ts';

export interface EventLogOptions extends PostgresLogOptions {
  readonly settings: Settings;
}

/** The engine that the settings choose; nothing is connected before its first use, and Kafka's client not even loaded. */
export async function openEventLog({ settings, ...parts }: EventLogOptions): Promise<EventLog> {
  const config = settings.get(eventlogSection);
  if (config.engine === 'postgres') return openPostgresLog(parts);
  const { openKafkaLog } = await import('./kafka.ts');
  return openKafkaLog({ ...parts, access: await kafkaAccess(config) });
}
