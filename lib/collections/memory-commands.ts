import { CodedError } from '../error/index.ts';
import type { Argument, CommandName, Reply } from './engine.ts';
import { collectionsErrors } from './errors.ts';
import type { MemoryStore } from './memory-store.ts';

type MemoryCommand = (store: MemoryStore, key: string, rest: readonly Argument[]) => Reply;

/** What a field, member or place costs beside its bytes. */
const elementBytes = 64;

/** The listed commands as Redis does them, for the arguments that the port gives. */
export const memoryCommands: Readonly<Record<CommandName, MemoryCommand>> = {
  GET: (store, key) => store.get(key, 'value') ?? null,
  MGET: (store, key, rest) => [key, ...rest.map(text)].map((each) => valueOrNull(store, each)),
  SET: (store, key, [value, , ttlMs]) => {
    store.put(key, copyOf(value), ttlMs === undefined ? undefined : Number(ttlMs));
    return null;
  },
  DEL: (store, key, rest) => [key, ...rest.map(text)].filter((each) => store.delete(each)).length,
  INCRBY: (store, key, [by]) => incrementValue(store, key, Number(by)),
  PEXPIRE: (store, key, [ttlMs]) => {
    const entry = store.find(key);
    if (entry) store.expire(entry, Number(ttlMs));
    return entry ? 1 : 0;
  },
  HGET: (store, key, [field]) => store.get(key, 'hash')?.get(text(field)) ?? null,
  HMGET: (store, key, fields) => {
    const hash = store.get(key, 'hash');
    return fields.map((field) => hash?.get(text(field)) ?? null);
  },
  HGETALL: (store, key) =>
    [...(store.get(key, 'hash') ?? [])].flatMap(([field, value]) => [Buffer.from(field), value]),
  HSET: (store, key, rest) => setFields(store, key, rest),
  HINCRBY: (store, key, [field, by]) => incrementField(store, key, { field: text(field), by: Number(by) }),
  HDEL: (store, key, fields) => deleteFields(store, key, fields),
  HLEN: (store, key) => store.get(key, 'hash')?.size ?? 0,
  ZADD: (store, key, rest) => setScores(store, key, rest),
  ZINCRBY: (store, key, [by, member]) => {
    const score = (store.get(key, 'rank')?.scoreOf(text(member)) ?? 0) + Number(by);
    setScores(store, key, [score, member]);
    return score;
  },
  ZREVRANGE: (store, key, [from, to]) => highest(store, key, { from: Number(from), to: Number(to) }),
  ZREVRANK: (store, key, [member]) => {
    const rank = store.get(key, 'rank');
    const index = rank?.indexOf(text(member));
    return rank && index !== undefined ? rank.size - 1 - index : null;
  },
  ZSCORE: (store, key, [member]) => store.get(key, 'rank')?.scoreOf(text(member)) ?? null,
  ZCARD: (store, key) => store.get(key, 'rank')?.size ?? 0,
  ZCOUNT: (store, key, [min]) => {
    const rank = store.get(key, 'rank');
    return rank ? rank.size - rank.countBelow(Number(min)) : 0;
  },
  ZREM: (store, key, members) => removeMembers(store, key, members),
  ZREMRANGEBYSCORE: (store, key, [, below]) => {
    const score = Number(text(below).slice(1));
    return dropLowest(store, key, store.get(key, 'rank')?.countBelow(score) ?? 0);
  },
  ZREMRANGEBYRANK: (store, key, [, last]) =>
    dropLowest(store, key, (store.get(key, 'rank')?.size ?? 0) + Number(last) + 1),
  SADD: (store, key, members) => addMembers(store, key, members),
  SREM: (store, key, members) => {
    let removed = 0;
    if (!store.get(key, 'set')) return removed;
    store.update(key, 'set', (set) =>
      sum(members, (member) => (set.delete(text(member)) ? (removed++, -costOf(member)) : 0)),
    );
    return removed;
  },
  SISMEMBER: (store, key, [member]) => (store.get(key, 'set')?.has(text(member)) ? 1 : 0),
  SMEMBERS: (store, key) => [...(store.get(key, 'set') ?? [])].map((member) => Buffer.from(member)),
  SCARD: (store, key) => store.get(key, 'set')?.size ?? 0,
  RPUSH: (store, key, values) => {
    store.update(key, 'list', (list) => {
      for (const value of values) list.push(copyOf(value));
      return sum(values, costOf);
    });
    return store.get(key, 'list')?.length ?? 0;
  },
  LTRIM: (store, key, [from]) => {
    if (!store.get(key, 'list')) return null;
    store.update(key, 'list', (list) => {
      const gone = list.splice(0, Math.max(0, list.length + Number(from)));
      return -sum(gone, costOf);
    });
    return null;
  },
  LRANGE: (store, key, [from, to]) => {
    const list = store.get(key, 'list') ?? [];
    const end = Number(to) < 0 ? list.length + Number(to) + 1 : Number(to) + 1;
    return list.slice(Number(from), Math.max(0, end));
  },
  LLEN: (store, key) => store.get(key, 'list')?.length ?? 0,
};

/** Errors: KEY_WRONG_KIND for what is no whole number. */
export function incrementValue(store: MemoryStore, key: string, by: number): number {
  const number = wholeNumber(key, store.get(key, 'value')) + by;
  const entry = store.find(key);
  if (!entry) store.put(key, Buffer.from(String(number)), undefined);
  else {
    entry.data = Buffer.from(String(number));
  }
  return number;
}

function valueOrNull(store: MemoryStore, key: string): Buffer | null {
  return store.find(key)?.kind === 'value' ? (store.get(key, 'value') ?? null) : null;
}

function setFields(store: MemoryStore, key: string, rest: readonly Argument[]): Reply {
  let added = 0;
  store.update(key, 'hash', (hash) => {
    let grown = 0;
    for (let index = 0; index < rest.length; index += 2) {
      const field = text(rest[index]);
      const before = hash.get(field);
      const value = copyOf(rest[index + 1]);
      hash.set(field, value);
      if (!before) added++;
      grown += before ? value.length - before.length : costOf(field) + value.length;
    }
    return grown;
  });
  return added;
}

function incrementField(
  store: MemoryStore,
  key: string,
  { field, by }: { readonly field: string; readonly by: number },
): Reply {
  const number = wholeNumber(key, store.get(key, 'hash')?.get(field)) + by;
  setFields(store, key, [field, String(number)]);
  return number;
}

function deleteFields(store: MemoryStore, key: string, fields: readonly Argument[]): Reply {
  let deleted = 0;
  if (!store.get(key, 'hash')) return deleted;
  store.update(key, 'hash', (hash) =>
    sum(fields, (field) => {
      const value = hash.get(text(field));
      if (!value) return 0;
      deleted++;
      hash.delete(text(field));
      return -(costOf(field) + value.length);
    }),
  );
  return deleted;
}

function setScores(store: MemoryStore, key: string, rest: readonly Argument[]): Reply {
  let added = 0;
  store.update(key, 'rank', (rank) => {
    let grown = 0;
    for (let index = 0; index < rest.length; index += 2) {
      const member = text(rest[index + 1]);
      if (!rank.set(member, Number(rest[index]))) continue;
      added++;
      grown += costOf(member);
    }
    return grown;
  });
  return added;
}

function highest(
  store: MemoryStore,
  key: string,
  { from, to }: { readonly from: number; readonly to: number },
): Reply {
  const rank = store.get(key, 'rank');
  if (!rank || from >= rank.size) return [];
  const places = rank.slice(Math.max(0, rank.size - 1 - to), rank.size - from);
  return places.toReversed().flatMap(({ member, score }) => [Buffer.from(member), score]);
}

function removeMembers(store: MemoryStore, key: string, members: readonly Argument[]): Reply {
  let removed = 0;
  if (!store.get(key, 'rank')) return removed;
  store.update(key, 'rank', (rank) =>
    sum(members, (member) => (rank.remove(text(member)) ? (removed++, -costOf(member)) : 0)),
  );
  return removed;
}

function dropLowest(store: MemoryStore, key: string, count: number): Reply {
  if (count <= 0) return 0;
  let dropped = 0;
  store.update(key, 'rank', (rank) => {
    const places = rank.dropLowest(count);
    dropped = places.length;
    return -sum(places, ({ member }) => costOf(member));
  });
  return dropped;
}

function addMembers(store: MemoryStore, key: string, members: readonly Argument[]): Reply {
  let added = 0;
  store.update(key, 'set', (set) =>
    sum(members, (member) => {
      if (set.has(text(member))) return 0;
      added++;
      set.add(text(member));
      return costOf(member);
    }),
  );
  return added;
}

function wholeNumber(key: string, value: Buffer | undefined): number {
  const digits = value?.toString('latin1') ?? '0';
  if (!/^-?(0|[1-9]\d{0,18})$/.test(digits))
    throw new CodedError(collectionsErrors, 'KEY_WRONG_KIND', { detail: `${key} is no whole number` });
  return Number(digits);
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}

function text(argument: Argument): string {
  return argument instanceof Uint8Array ? Buffer.from(argument).toString('utf8') : String(argument);
}

/** What the caller does with its bytes later is its own business. */
function copyOf(argument: Argument): Buffer {
  return typeof argument === 'number' ? Buffer.from(String(argument)) : Buffer.from(argument as Uint8Array);
}

function costOf(argument: Argument): number {
  return elementBytes + (typeof argument === 'number' ? 8 : argument.length);
}
