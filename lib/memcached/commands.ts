import { tombstoneMs } from '../cache/limits.ts';
import { decodeItem, encodeItem, itemKeyOf, type Item } from './item.ts';
import { textFlag, type Reply } from './replies.ts';

/** Sends commands of the meta protocol and answers as many replies. */
export type Send = (commands: readonly (string | Buffer)[], replyCount: number) => Promise<Reply[]>;

/** What stands in the way of an older version stays; anybody may come between, so often a write is tried. */
const attemptsMax = 8;
/** Beyond 30 days Memcached takes a number for a date. */
const ttlSecondsMax = 30 * 24 * 3600;
const lineEnd = '\r\n';

/** Memcached counts whole seconds, and an item ends up to one second before its time. */
function secondsOf(ttlMs: number): number {
  return Math.min(ttlSecondsMax, Math.max(1, Math.ceil(ttlMs / 1000)));
}

/** Values, and how many seconds each has left. */
export function getCommand(itemKeys: readonly string[]): string {
  let command = '';
  for (const itemKey of itemKeys) command += `mg ${itemKey} v t\r\n`;
  return command;
}

/** One write as every cluster is given it. */
export interface Write {
  readonly key: string;
  readonly itemKey: string;
  readonly item: Item;
  /** The item as it is sent, with the line end behind it. */
  readonly encoded: Buffer;
  readonly ttlSeconds: number;
}

export function newWrite(key: string, item: Item, ttlMs: number): Write {
  const encoded = encodeItem(key, item, lineEnd);
  return { key, itemKey: itemKeyOf(key), item, encoded, ttlSeconds: secondsOf(ttlMs) };
}

/** After this nothing older than `version` is known under the key. */
export function newTombstone(key: string, version: number): Write {
  return newWrite(key, { version, bytes: undefined, isTombstone: true }, tombstoneMs);
}

export interface WriteOutcome {
  /** `kept`: what is there serves as well. `newer`: it is of a later version. */
  readonly kind: 'stored' | 'kept' | 'newer' | 'contended' | 'refused';
  /** Of what is there now, as far as known. */
  readonly version: number;
}

/**
 * Stores a value unless something newer is there, or makes sure that nothing older than a tombstone is. Most items
 * are written where none is: so it is first added, and only what is there already is read and compared. Errors: those
 * of `send`.
 */
export async function writeItem(send: Send, write: Write): Promise<WriteOutcome> {
  const { key, itemKey, item, encoded, ttlSeconds } = write;
  const size = encoded.length - lineEnd.length;
  let known = -1;
  let condition = 'ME';
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const [{ status }] = await send([`ms ${itemKey} ${size} T${ttlSeconds} ${condition}\r\n`, encoded], 1);
    if (status === 'HD') return { kind: 'stored', version: item.version };
    if (status === 'SERVER_ERROR') return refused(send, write);
    const [found] = await send([`mg ${itemKey} v c\r\n`], 1);
    const current = found.value && decodeItem(key, found.value);
    known = current?.version ?? -1;
    if (known > item.version) return { kind: 'newer', version: known };
    if (known === item.version && item.isTombstone) return { kind: 'kept', version: known };
    const cas = textFlag(found.flags, 'c');
    condition = found.value && cas ? `C${cas}` : 'ME';
  }
  return { kind: 'contended', version: known };
}

/** Without memory even for a tombstone, the item itself is taken away. */
async function refused(send: Send, { itemKey, item }: Write): Promise<WriteOutcome> {
  if (item.isTombstone) await send([`md ${itemKey}\r\n`], 1);
  return { kind: 'refused', version: -1 };
}
