import { codeOf } from '../error/index.ts';
import type { Collections } from './types.ts';

export interface ConformanceOptions {
  readonly expected: Collections;
  readonly tested: Collections;
  /** Of all keys. */
  readonly prefix: string;
  readonly operations: number;
  readonly seed?: number;
}

type Operation = (collections: Collections) => Promise<unknown>;

/** Does the same random operations on both, one after the other; each must answer the same on both. */
export async function conform(options: ConformanceOptions): Promise<void> {
  const { expected, tested, prefix, operations, seed = 1 } = options;
  const random = randomOf(seed);
  for (let index = 0; index < operations; index++) {
    const [name, operation] = pick(random, operationsOn(random, prefix));
    const [wanted, got] = [await answerOf(operation, expected), await answerOf(operation, tested)];
    if (JSON.stringify(wanted) === JSON.stringify(got)) continue;
    throw new Error(
      `operation ${index}, ${name}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`,
    );
  }
}

type Random = () => number;

/** Few keys, fields and numbers, so that operations meet. */
function operationsOn(random: Random, prefix: string): [string, Operation][] {
  const key = `${prefix}:${below(random, 6)}`;
  const name = pick(random, ['a', 'b', 'c', 'd', 'ä', '\u{1F600}', '\uFF5E']);
  const second = pick(random, ['a', 'b', 'c', 'x']);
  const number = below(random, 9) - 4;
  const score = number + below(random, 4) / 4;
  const value = Buffer.from([below(random, 256), below(random, 256)]);
  const [count, from] = [below(random, 5), below(random, 3)];
  return [
    ['get', (c) => c.get(key)],
    ['getMany', (c) => c.getMany([key, `${prefix}:0`, `${prefix}:none`])],
    ['set', (c) => c.set(key, number > 0 ? Buffer.from(String(number)) : value)],
    ['delete', (c) => c.delete([key])],
    ['increment', (c) => c.increment(key, number)],
    ['incrementWithTtl', (c) => c.increment(key, number, 60_000)],
    ['expire', (c) => c.expire(key, 60_000)],
    ['hashes.set', (c) => c.hashes.set(key, { [name]: value, [second]: Buffer.from(String(number)) })],
    ['hashes.get', (c) => c.hashes.get(key, name)],
    ['hashes.getMany', (c) => c.hashes.getMany(key, [name, second])],
    ['hashes.getAll', async (c) => [...(await c.hashes.getAll(key))].map(String).toSorted()],
    ['hashes.increment', (c) => c.hashes.increment(key, second, number)],
    ['hashes.delete', (c) => c.hashes.delete(key, [name, second])],
    ['hashes.size', (c) => c.hashes.size(key)],
    ['ranks.set', (c) => c.ranks.set(key, { [name]: score, [second]: number })],
    ['ranks.increment', (c) => c.ranks.increment(key, name, score)],
    ['ranks.top', (c) => c.ranks.top(key, count, from)],
    ['ranks.rankOf', (c) => c.ranks.rankOf(key, name)],
    ['ranks.scoreOf', (c) => c.ranks.scoreOf(key, name)],
    ['ranks.size', (c) => c.ranks.size(key)],
    ['ranks.countFrom', (c) => c.ranks.countFrom(key, score)],
    ['ranks.remove', (c) => c.ranks.remove(key, [name])],
    ['ranks.removeBelow', (c) => c.ranks.removeBelow(key, score - 3)],
    ['ranks.trim', (c) => c.ranks.trim(key, count)],
    ['sets.add', (c) => c.sets.add(key, [name, second])],
    ['sets.remove', (c) => c.sets.remove(key, [name])],
    ['sets.has', (c) => c.sets.has(key, name)],
    ['sets.members', async (c) => (await c.sets.members(key)).toSorted()],
    ['sets.size', (c) => c.sets.size(key)],
    ['lists.push', (c) => c.lists.push(key, [value, value], 5)],
    ['lists.range', (c) => c.lists.range(key, number, count)],
    ['lists.trim', (c) => c.lists.trim(key, count)],
    ['lists.size', (c) => c.lists.size(key)],
  ];
}

async function answerOf(operation: Operation, collections: Collections): Promise<unknown> {
  try {
    return (await operation(collections)) ?? 'nothing';
  } catch (error) {
    return { code: codeOf(error) };
  }
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[below(random, items.length)];
}

function below(random: Random, bound: number): number {
  return Math.floor(random() * bound);
}

/** Mulberry32: a failure comes again with its seed. */
function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
