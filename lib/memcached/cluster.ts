import type { StoredValue } from '../cache/types.ts';
import type { Write, WriteOutcome } from './commands.ts';
import type { PeerCounters } from './counters.ts';
import { decodeItem, type Item } from './item.ts';
import type { PeerNode } from './node.ts';
import { numberFlag, type Reply } from './replies.ts';
import type { Ring } from './ring.ts';

/** One key that is looked for. */
export interface Question {
  readonly key: string;
  readonly itemKey: string;
  answer: StoredValue | undefined;
  /** Nothing older is an answer: somebody saw an invalidation. */
  versionMin: number;
  /** Clusters that were asked in vain. */
  missedBy: Cluster[];
  /** A cluster whose value is older than `versionMin`. */
  outdated: Cluster | undefined;
  /** Seconds that the answer has left. */
  ttlSeconds: number;
}

export interface ClusterOptions {
  readonly name: string;
  readonly zone: string | undefined;
  readonly ring: Ring;
  /** In the order of the ring's. */
  readonly nodes: readonly PeerNode[];
  readonly counters: PeerCounters;
}

/** Nodes that hold one copy of everything between them; a key has one node, and no other takes its place. */
export class Cluster {
  readonly name: string;
  readonly zone: string | undefined;
  readonly counters: PeerCounters;
  readonly nodes: readonly PeerNode[];
  readonly #ring: Ring;

  constructor({ name, zone, ring, nodes, counters }: ClusterOptions) {
    this.name = name;
    this.zone = zone;
    this.#ring = ring;
    this.nodes = nodes;
    this.counters = counters;
  }

  /** Asks each node once for all of its keys. */
  async ask(questions: readonly Question[]): Promise<void> {
    if (questions.length === 1) return this.#askNode(this.#nodeOf(questions[0].itemKey), questions);
    const byNode = Map.groupBy(questions, ({ itemKey }) => this.#nodeOf(itemKey));
    await Promise.all([...byNode].map(([node, ofNode]) => this.#askNode(node, ofNode)));
  }

  async write(write: Write): Promise<WriteOutcome | undefined> {
    const outcome = await this.#nodeOf(write.itemKey).write(write);
    if (outcome?.kind === 'newer') this.counters.olderRefused++;
    return outcome;
  }

  #nodeOf(itemKey: string): PeerNode {
    return this.nodes[this.#ring.indexOf(itemKey)];
  }

  async #askNode(node: PeerNode, questions: readonly Question[]): Promise<void> {
    const replies = await node.read(questions.map(({ itemKey }) => itemKey));
    if (!replies) this.counters.skips += questions.length;
    else for (const [index, question] of questions.entries()) this.#judge(question, replies[index]);
  }

  #judge(question: Question, { value, flags }: Reply): void {
    const item = value && this.#decode(question.key, value);
    if (item && !item.isTombstone && item.version >= question.versionMin) {
      this.counters.hits++;
      question.answer = { version: item.version, bytes: item.bytes };
      question.ttlSeconds = numberFlag(flags, 't') ?? 1;
      return;
    }
    this.counters.misses++;
    if (item && !item.isTombstone) {
      this.counters.olderSkipped++;
      question.outdated = this;
    } else {
      question.missedBy.push(this);
      question.versionMin = Math.max(question.versionMin, item?.version ?? -1);
    }
  }

  #decode(key: string, value: Buffer): Item | undefined {
    const item = decodeItem(key, value);
    if (!item) this.counters.damaged++;
    return item;
  }
}
