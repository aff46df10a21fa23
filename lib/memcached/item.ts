import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { StoredValue } from '../cache/types.ts';

/**
 * What stands under a key of Memcached, big-endian:
 *
 * | bytes | |
 * |---|---|
 * | 0 | 0xCA, so that items of others are told apart |
 * | 1 | 1 value, 2 known not to exist, 3 tombstone: an invalidation |
 * | 2–5 | CRC-32 of the key as the caller gave it, then of bytes 1 and 6 to the end |
 * | 6–13 | version |
 * | 14– | the value |
 *
 * The key in the sum tells items of hashed keys apart, and answers that belong to another question.
 */
export interface Item extends StoredValue {
  readonly isTombstone: boolean;
}

const magic = 0xca;
const kinds = { value: 1, absent: 2, tombstone: 3 } as const;
const headerBytes = 14;
const keyLengthMax = 250;

/** The bytes of an item, with `end` behind them. */
export function encodeItem(key: string, { version, bytes, isTombstone }: Item, end = ''): Buffer {
  const whole = Buffer.allocUnsafe(headerBytes + (bytes?.length ?? 0) + end.length);
  const item = whole.subarray(0, whole.length - end.length);
  item[0] = magic;
  item[1] = isTombstone ? kinds.tombstone : bytes ? kinds.value : kinds.absent;
  item.writeUInt32BE(Math.floor(version / 2 ** 32), 6);
  item.writeUInt32BE(version % 2 ** 32, 10);
  if (bytes) item.set(bytes, headerBytes);
  item.writeUInt32BE(sumOf(key, item), 2);
  whole.write(end, item.length, 'latin1');
  return whole;
}

/** Undefined: damaged, or not ours. The value shares its memory with `item`. */
export function decodeItem(key: string, item: Buffer): Item | undefined {
  if (item.length < headerBytes || item[0] !== magic) return undefined;
  const kind = item[1];
  if (kind < kinds.value || kind > kinds.tombstone || item.readUInt32BE(2) !== sumOf(key, item))
    return undefined;
  const version = item.readUInt32BE(6) * 2 ** 32 + item.readUInt32BE(10);
  const bytes = kind === kinds.value ? item.subarray(headerBytes) : undefined;
  return { version, bytes, isTombstone: kind === kinds.tombstone };
}

function sumOf(key: string, item: Buffer): number {
  return crc32(item.subarray(6), crc32(item.subarray(1, 2), crc32(key)));
}

/**
 * The name that Memcached is given: up to 250 visible ASCII characters. Other keys, and those that look like the
 * outcome, are `#` and a hash.
 */
export function itemKeyOf(key: string): string {
  if (key.length <= keyLengthMax && visible.test(key)) return key;
  return `#${createHash('sha256').update(key).digest('base64url')}`;
}

const visible = /^[!"$-~][!-~]*$/;
