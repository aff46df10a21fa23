import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { section } from '../config/index.ts';
import type { KafkaAccess } from './kafka.ts';

export const eventlogSection = section(
  'eventlog',
  z
    .object({
      engine: z
        .enum(['postgres', 'kafka'])
        .default('postgres')
        .describe('where the records are that services leave for each other: the core database, or Kafka'),
      brokers: z
        .array(z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^\s:[\]]+):\d{1,5}$/, 'a broker is host:port'))
        .max(64)
        .default([])
        .describe('host:port of some brokers; the others are found through them'),
      prefix: z
        .string()
        .regex(/^[\w.-]{0,64}$/)
        .default('gala.')
        .describe('begin of the names of topics and groups in Kafka; one for each installation'),
      replication: z
        .int()
        .min(1)
        .max(7)
        .default(3)
        .describe('copies of each topic that we make; of three, two must have a record before it counts'),
      saslMechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']).default('SCRAM-SHA-512'),
      user: z.string().optional().describe('where Kafka asks for one'),
      password: z.string().optional().describe('of that user'),
      tls: z.boolean().default(false).describe('speak TLS to the brokers'),
      tlsCa: z.string().optional().describe('file (PEM) with their authority; otherwise the system knows it'),
    })
    .refine(({ engine, brokers }) => engine !== 'kafka' || brokers.length > 0, 'kafka needs brokers')
    .refine(({ user, password }) => (user === undefined) === (password === undefined), {
      message: 'user and password go together',
    }),
);

type EventLogConfig = z.output<typeof eventlogSection.schema>;

/** What clients of Kafka need, its files read. */
export async function kafkaAccess(config: EventLogConfig): Promise<KafkaAccess> {
  const { brokers, prefix, replication, saslMechanism: mechanism, user, password, tls, tlsCa } = config;
  const hasUser = user !== undefined && password !== undefined;
  return {
    brokers,
    prefix,
    replication,
    sasl: hasUser ? { mechanism, username: user, password } : undefined,
    tls: tls ? { ca: tlsCa === undefined ? undefined : await readFile(tlsCa) } : undefined,
  };
}
