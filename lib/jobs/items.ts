import { setImmediate as turn } from 'node:timers/promises';

export interface ItemsOptions {
  /** Of the tick or job: no further item is begun when it is aborted. */
  readonly signal: AbortSignal;
  /** Items at once; 8 unless told. */
  readonly concurrency?: number;
}

export interface ItemsAnswer {
  readonly done: number;
  readonly failed: number;
  /** Of the first item that failed. */
  readonly error: unknown;
}

/** The loop of the process is let go after so long, whatever the items do. */
const sliceMs = 5;

/**
 * Does `work` for each item of a partition, some at once, read from `items` no faster than they are done. An item
 * that fails keeps no other from its turn: the next tick has it again, so `work` is idempotent by the item's id.
 * @throws the reason of `signal`; items under way have ended then
 */
export async function forEachItem<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  work: (item: Item) => Promise<unknown> | void,
  { signal, concurrency = 8 }: ItemsOptions,
): Promise<ItemsAnswer> {
  const active = new Set<Promise<void>>();
  let [done, failed] = [0, 0];
  let firstError: unknown;
  const one = async (item: Item): Promise<void> => {
    try {
      await work(item);
      done++;
    } catch (error) {
      if (failed++ === 0) firstError = error;
    }
  };
  let sliceEndMs = performance.now() + sliceMs;
  for await (const item of items) {
    if (signal.aborted) break;
    const running = one(item).finally(() => active.delete(running));
    active.add(running);
    if (active.size >= concurrency) await Promise.race(active);
    if (performance.now() < sliceEndMs) continue;
    await turn();
    sliceEndMs = performance.now() + sliceMs;
  }
  await Promise.all(active);
  signal.throwIfAborted();
  return { done, failed, error: firstError };
}
