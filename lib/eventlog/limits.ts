import { crc32 } from 'node:zlib';
import { CodedError, invariant } from '../error/index.ts';
import { eventLogErrors } from './errors.ts';
import type { Topic } from './types.ts';

/** One append, keys and frames counted: below what a broker takes as one message. */
export const appendBytesMax = 1_000_000;
export const appendRecordsMax = 10_000;
/** What waits and is under way in one process, over all topics; more is LOG_FULL. */
export const underwayBytesMax = 32 * 1024 * 1024;
export const underwayRecordsMax = 100_000;
/** What one statement or request carries. */
export const flushBytesMax = 1024 * 1024;
export const flushRecordsMax = 10_000;
/** So long an append is tried again before it is LOG_UNAVAILABLE. */
export const appendMsMax = 5000;

export const partitionsMax = 256;
export const topicsMax = 256;
export const consumersMax = 64;
/** What a consumer is given at once. */
export const batchRecordsMax = 1000;
export const batchBytesMax = 1024 * 1024;
/** A member that must let a partition go waits so long for the commit of what it gave out. */
export const settleMsMax = 2000;
/** Producers of one partition whose last sequence a consumer remembers; the longest silent is forgotten first. */
export const producersMax = 4096;

/** A topic is cut into about this many segments, and kept for its time to within one of them. */
const segmentsPerRetention = 8;
const segmentMsMin = 1000;
const segmentMsMax = 86_400_000;
const keyBytesMax = 512;
/** A record's share of a flush beyond its key and value. */
const frameBytes = 8;

/** A bug of the caller: topics are named in code. */
export function assertTopic({ name, partitions, retentionMs }: Topic): void {
  invariant(/^[a-z0-9.-]{1,64}$/.test(name), `${name} is the name of a topic`);
  invariant(
    Number.isInteger(partitions) && partitions >= 1 && partitions <= partitionsMax,
    'partitions in bounds',
  );
  invariant(retentionMs >= 1000, 'a topic is kept for a second at least');
}

/** What a segment of the topic spans; whole segments are dropped. */
export function segmentMsOf({ retentionMs }: Topic): number {
  return Math.min(segmentMsMax, Math.max(segmentMsMin, Math.ceil(retentionMs / segmentsPerRetention)));
}

/** The same on every adapter, so that a topic may move from one to another. */
export function partitionOf(topic: Topic, key: string): number {
  return crc32(key) % topic.partitions;
}

/** Bytes of an append on its way. Errors: LOG_TOO_LARGE. */
export function measure(key: string, values: readonly Uint8Array[]): number {
  const keyBytes = Buffer.byteLength(key);
  let bytes = values.length * (keyBytes + frameBytes);
  for (const value of values) bytes += value.byteLength;
  if (values.length > appendRecordsMax || bytes > appendBytesMax || keyBytes > keyBytesMax) {
    const detail = `${values.length} records, ${bytes} bytes, key of ${keyBytes}`;
    throw new CodedError(eventLogErrors, 'LOG_TOO_LARGE', { detail });
  }
  return bytes;
}
