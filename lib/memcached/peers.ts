import { assertKeys, assertVersion, valueBytesMax } from '../cache/limits.ts';
import type { StoredValue, ValueStore } from '../cache/types.ts';
import type { Cluster, Question } from './cluster.ts';
import { newTombstone, newWrite, type Write } from './commands.ts';
import { itemKeyOf } from './item.ts';
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
      return this.#write(newWrite(key, { ...value, isTombstone: false }, ttlMs));
    for (const { counters } of this.#clusters) counters.tooLarge++;
    return this.#write(newTombstone(key, value.version));
  }

  async invalidate(key: string, version: number): Promise<void> {
    assertVersion(version);
    await this.#write(newTombstone(key, version));
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
  async #write(write: Write): Promise<boolean> {
    if (this.#isClosed) return true;
    const outcomes = await Promise.all(this.#clusters.map((cluster) => cluster.write(write)));
    const newest = Math.max(...outcomes.map((outcome) => (outcome?.kind === 'newer' ? outcome.version : -1)));
    if (newest <= write.item.version) return true;
    const tombstone = newTombstone(write.key, newest);
    const learns = this.#clusters.filter((_, index) => outcomes[index]?.kind !== 'newer');
    await Promise.all(learns.map((cluster) => cluster.write(tombstone)));
    return false;
  }

  /** Gives what was found to those who missed it, and takes away what is out of date. */
  #mend({ key, answer, versionMin, missedBy, outdated, ttlSeconds }: Question): void {
    if (outdated) this.#inBackground(outdated, newTombstone(key, versionMin));
    if (!answer || missedBy.length === 0) return;
    const heal = newWrite(key, { ...answer, isTombstone: false }, ttlSeconds * 1000);
    for (const cluster of missedBy) if (this.#inBackground(cluster, heal)) cluster.counters.heals++;
  }

  #inBackground(cluster: Cluster, write: Write): boolean {
    if (this.#background.size >= healsMax) {
      cluster.counters.healsDropped++;
      return false;
    }
    const running = cluster.write(write);
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
