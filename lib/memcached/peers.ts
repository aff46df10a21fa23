import { assertKeys, assertVersion, tombstoneMs, valueBytesMax } from '../cache/limits.ts';
import type { StoredValue, ValueStore } from '../cache/types.ts';
import type { Cluster, Question } from './cluster.ts';
import { itemKeyOf, type Item } from './item.ts';
import { healsMax } from './limits.ts';

/** So many clusters are asked for a key in vain before it counts as not there. */
const asksMax = 2;

export interface PeersOptions {
  readonly clusters: readonly Cluster[];
  /** Of this process: clusters of the same zone are asked first. */
  readonly zone: string | undefined;
}

/**
 * Several equal clusters of Memcached. Reads ask one of them by chance and another one on a miss, which is healed;
 * writes and invalidations go to all.
 */
export class Peers implements ValueStore {
  readonly name = 'memcached';
  readonly #clusters: readonly Cluster[];
  readonly #zone: string | undefined;
  /** Writes that nobody waits for. */
  readonly #background = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor({ clusters, zone }: PeersOptions) {
    this.#clusters = clusters;
    this.#zone = zone;
  }

  async get(keys: readonly string[]): Promise<(StoredValue | undefined)[]> {
    assertKeys(keys);
    const questions = keys.map(questionOf);
    if (this.#isClosed) return questions.map(() => undefined);
    for (const cluster of this.#inOrder()) {
      const open = questions.filter(({ answer, missedBy }) => !answer && missedBy.length < asksMax);
      if (open.length === 0) break;
      await cluster.ask(open);
    }
    for (const question of questions) this.#mend(question);
    return questions.map(({ answer }) => answer);
  }

  async set(key: string, value: StoredValue, ttlMs: number): Promise<boolean> {
    assertVersion(value.version);
    if ((value.bytes?.length ?? 0) <= valueBytesMax)
      return this.#write(key, { ...value, isTombstone: false }, ttlMs);
    for (const { counters } of this.#clusters) counters.tooLarge++;
    return this.#write(key, tombstone(value.version), tombstoneMs);
  }

  async invalidate(key: string, version: number): Promise<void> {
    assertVersion(version);
    await this.#write(key, tombstone(version), tombstoneMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all(
      this.#clusters.flatMap(({ nodes }) => nodes.map((node) => node[Symbol.asyncDispose]())),
    );
    await Promise.all(this.#background);
  }

  /** Those of this zone, then the others, each by chance. */
  #inOrder(): readonly Cluster[] {
    if (this.#clusters.length === 1) return this.#clusters;
    const places = this.#clusters.map((cluster) => ({
      cluster,
      place: Math.random() + (this.#zone !== undefined && cluster.zone !== this.#zone ? 1 : 0),
    }));
    return places.sort((a, b) => a.place - b.place).map(({ cluster }) => cluster);
  }

  /** True unless a cluster knows something newer; then the others learn of it, since they may have stored this. */
  async #write(key: string, item: Item, ttlMs: number): Promise<boolean> {
    if (this.#isClosed) return true;
    const options = { key, itemKey: itemKeyOf(key), item, ttlMs };
    const outcomes = await Promise.all(this.#clusters.map((cluster) => cluster.write(options)));
    const newest = Math.max(...outcomes.map((outcome) => (outcome?.kind === 'newer' ? outcome.version : -1)));
    if (newest <= item.version) return true;
    const learns = this.#clusters.filter((_, index) => outcomes[index]?.kind !== 'newer');
    await Promise.all(learns.map((cluster) => raise(cluster, key, newest)));
    return false;
  }

  /** Gives what was found to those who missed it, and takes away what is out of date. */
  #mend({ key, itemKey, answer, versionMin, missedBy, outdated, ttlSeconds }: Question): void {
    if (outdated) this.#inBackground(outdated, () => raise(outdated, key, versionMin));
    if (!answer) return;
    const item = { ...answer, isTombstone: false };
    const ttlMs = Math.max(1, ttlSeconds) * 1000;
    for (const cluster of missedBy) {
      const isBegun = this.#inBackground(cluster, () => cluster.write({ key, itemKey, item, ttlMs }));
      if (isBegun) cluster.counters.heals++;
    }
  }

  #inBackground({ counters }: Cluster, work: () => Promise<unknown>): boolean {
    if (this.#background.size >= healsMax) {
      counters.healsDropped++;
      return false;
    }
    const running = work();
    this.#background.add(running);
    void running.finally(() => this.#background.delete(running));
    return true;
  }
}

function questionOf(key: string): Question {
  return {
    key,
    itemKey: itemKeyOf(key),
    answer: undefined,
    versionMin: -1,
    missedBy: [],
    outdated: undefined,
    ttlSeconds: 0,
  };
}

function tombstone(version: number): Item {
  return { version, bytes: undefined, isTombstone: true };
}

async function raise(cluster: Cluster, key: string, version: number): Promise<void> {
  await cluster.write({ key, itemKey: itemKeyOf(key), item: tombstone(version), ttlMs: tombstoneMs });
}
