import type { HotKeyOfCache } from '@gala/lib/cache';
import type { ChildStatus } from './child.ts';

/** A hot key, and the processes that have a cache of it and know it as hot. */
export interface HotKeyOfProcesses extends HotKeyOfCache {
  readonly processes: readonly string[];
}

const askMsMax = 2000;

/** Hot keys of all processes that answer, most read first: each tells of the reads of all, so they are not added up. */
export async function hotKeysOf(children: readonly ChildStatus[]): Promise<HotKeyOfProcesses[]> {
  const found = new Map<string, HotKeyOfProcesses>();
  const answers = await Promise.all(children.map(async (child) => ({ child, keys: await askOf(child) })));
  for (const { child, keys } of answers) {
    for (const hot of keys) {
      const id = `${hot.cache}/${hot.key}`;
      const known = found.get(id);
      found.set(id, {
        ...hot,
        readsPerSecond: Math.round(Math.max(hot.readsPerSecond, known?.readsPerSecond ?? 0)),
        hotMs: Math.round(Math.max(hot.hotMs, known?.hotMs ?? 0)),
        processes: [...(known?.processes ?? []), child.name],
      });
    }
  }
  return [...found.values()].sort((a, b) => b.readsPerSecond - a.readsPerSecond);
}

async function askOf({ addresses }: ChildStatus): Promise<readonly HotKeyOfCache[]> {
  if (!addresses['admin']) return [];
  try {
    const answer = await fetch(new URL('/hot-keys', addresses['admin']), {
      signal: AbortSignal.timeout(askMsMax),
    });
    return ((await answer.json()) as { keys?: HotKeyOfCache[] }).keys ?? [];
  } catch {
    // A process that is being started again has nothing hot.
    return [];
  }
}
