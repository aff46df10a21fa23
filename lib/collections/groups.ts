import { invariant } from '../error/index.ts';
import { bufferOf, listOf, numberOf, textOf, type Argument } from './engine.ts';
import type { Gate } from './gate.ts';
import type { Hashes, Lists, Ranked, Ranks, Sets } from './group-types.ts';
import type { LargestKeys } from './largest-keys.ts';
import { assertBatch, assertKey, assertValue, rangeMax } from './limits.ts';
import type { SizeKeeper } from './size-keeper.ts';
import type { Telemetry } from './telemetry.ts';

export interface GroupOptions {
  readonly gate: Gate;
  readonly sizes: SizeKeeper;
  readonly largest: LargestKeys;
  readonly telemetry: Telemetry;
  /** Elements of one key. */
  readonly elementsMax: number;
}

export function hashesOf({ gate, sizes }: GroupOptions): Hashes {
  return {
    get: async (key, field) => {
      assertKey(field);
      return bufferOf(await gate.run('HGET', [key, field]));
    },
    getMany: async (key, fields) => {
      if (fields.length === 0) return [];
      assertKeys(fields);
      return listOf(await gate.run('HMGET', [key, ...fields])).map(bufferOf);
    },
    getAll: async (key) => {
      const flat = listOf(await gate.run('HGETALL', [key]));
      const pairs = Array.from({ length: flat.length / 2 }, (_, index): [string, Buffer] => [
        textOf(flat[index * 2]),
        flat[index * 2 + 1] as Buffer,
      ]);
      return new Map(pairs);
    },
    set: async (key, values) => {
      const fields = Object.keys(values);
      if (fields.length === 0) return;
      assertKeys(fields);
      for (const field of fields) assertValue(key, values[field]);
      sizes.assertRoom(key);
      const added = numberOf(
        await gate.run('HSET', [key, ...fields.flatMap((field) => [field, values[field]])]),
      );
      if (added > 0) sizes.added(key, 'hash', added);
    },
    increment: async (key, field, by) => {
      assertKey(field);
      assertWhole(by);
      sizes.assertRoom(key);
      const number = numberOf(await gate.run('HINCRBY', [key, field, by]));
      if (number === by) sizes.added(key, 'hash', 1);
      return number;
    },
    delete: async (key, fields) => {
      if (fields.length === 0) return;
      assertKeys(fields);
      await gate.run('HDEL', [key, ...fields]);
    },
    size: async (key) => numberOf(await gate.run('HLEN', [key])),
  };
}

export function ranksOf({ gate, sizes }: GroupOptions): Ranks {
  return {
    increment: async (key, member, by) => {
      assertKey(member);
      assertScore(by);
      const score = numberOf(await gate.run('ZINCRBY', [key, by, member]));
      if (score === by) sizes.added(key, 'rank', 1);
      return score;
    },
    set: async (key, scores) => {
      const members = Object.keys(scores);
      if (members.length === 0) return;
      assertKeys(members);
      for (const member of members) assertScore(scores[member]);
      const pairs = members.flatMap((member): Argument[] => [scores[member], member]);
      const added = numberOf(await gate.run('ZADD', [key, ...pairs]));
      if (added > 0) sizes.added(key, 'rank', added);
    },
    top: async (key, count, from = 0) => {
      assertRange(count);
      invariant(from >= 0, 'places begin at 0');
      if (count === 0) return [];
      const flat = listOf(await gate.run('ZREVRANGE', [key, from, from + count - 1, 'WITHSCORES']));
      return Array.from({ length: flat.length / 2 }, (_, index): Ranked => {
        return { member: textOf(flat[index * 2]), score: numberOf(flat[index * 2 + 1]) };
      });
    },
    rankOf: async (key, member) => {
      assertKey(member);
      const place = await gate.run('ZREVRANK', [key, member]);
      return place === null ? undefined : numberOf(place);
    },
    scoreOf: async (key, member) => {
      assertKey(member);
      const score = await gate.run('ZSCORE', [key, member]);
      return score === null ? undefined : numberOf(score);
    },
    size: async (key) => numberOf(await gate.run('ZCARD', [key])),
    countFrom: async (key, score) => {
      assertScore(score);
      return numberOf(await gate.run('ZCOUNT', [key, score, '+inf']));
    },
    remove: async (key, members) => {
      if (members.length === 0) return;
      assertKeys(members);
      await gate.run('ZREM', [key, ...members]);
    },
    removeBelow: async (key, score) => {
      assertScore(score);
      return numberOf(await gate.run('ZREMRANGEBYSCORE', [key, '-inf', `(${score}`]));
    },
    trim: async (key, keep) => {
      assertWhole(keep);
      return numberOf(await gate.run('ZREMRANGEBYRANK', [key, 0, -(keep + 1)]));
    },
  };
}

export function setsOf({ gate, sizes }: GroupOptions): Sets {
  return {
    add: async (key, members) => {
      if (members.length === 0) return 0;
      assertKeys(members);
      sizes.assertRoom(key);
      const added = numberOf(await gate.run('SADD', [key, ...members]));
      if (added > 0) sizes.added(key, 'set', added);
      return added;
    },
    remove: async (key, members) => {
      if (members.length === 0) return;
      assertKeys(members);
      await gate.run('SREM', [key, ...members]);
    },
    has: async (key, member) => {
      assertKey(member);
      return numberOf(await gate.run('SISMEMBER', [key, member])) === 1;
    },
    members: async (key) => listOf(await gate.run('SMEMBERS', [key])).map(textOf),
    size: async (key) => numberOf(await gate.run('SCARD', [key])),
  };
}

export function listsOf({ gate, largest, telemetry, elementsMax }: GroupOptions): Lists {
  return {
    push: async (key, values, keep = elementsMax) => {
      invariant(keep >= 1 && values.length > 0, 'a list keeps and is given at least one value');
      assertBatch(values.length);
      for (const value of values) assertValue(key, value);
      const length = numberOf(await gate.run('RPUSH', [key, ...values]));
      const kept = Math.min(keep, elementsMax);
      if (length <= kept) {
        largest.note(key, 'list', length);
        return length;
      }
      await gate.run('LTRIM', [key, -kept, -1]);
      largest.note(key, 'list', kept);
      // What its owner wanted to keep is no trouble; only the bound of all is.
      if (keep >= elementsMax) telemetry.trimmed(key, length - kept);
      return kept;
    },
    range: async (key, from, count) => {
      assertRange(count);
      if (count === 0) return [];
      // From a place before the end, the end itself is place -1.
      const to = from < 0 ? Math.min(-1, from + count - 1) : from + count - 1;
      return listOf(await gate.run('LRANGE', [key, from, to])) as Buffer[];
    },
    size: async (key) => numberOf(await gate.run('LLEN', [key])),
    trim: async (key, keep) => {
      assertWhole(keep);
      if (keep === 0) await gate.run('DEL', [key]);
      else await gate.run('LTRIM', [key, -keep, -1]);
    },
  };
}

function assertKeys(keys: readonly string[]): void {
  assertBatch(keys.length);
  for (const key of keys) assertKey(key);
}

function assertWhole(number: number): void {
  invariant(Number.isSafeInteger(number), 'a whole number');
}

function assertScore(score: number): void {
  invariant(Number.isFinite(score), 'a score is a finite number');
}

function assertRange(count: number): void {
  invariant(count >= 0 && count <= rangeMax, `one answer has at most ${rangeMax} elements`);
}
