import type { Batch, Position, ServerMessage, Signal } from '@gala/protocol/signals';
import { Emitter } from '../../../sdk/signal/emitter.ts';
import { Feed } from '../../../sdk/signal/feed.ts';
import type { RoomSignalEvents } from '../../../sdk/signal/types.ts';
import type { Missed } from '../../../services/access/signal/missed.ts';
import type { SimNode } from './node.ts';

/** A viewer with the SDK's own cores, and what he was told. */
export class SimClient {
  readonly feed: Feed;
  readonly tier: number;
  node: SimNode | undefined;
  /** On their way to him, in order. */
  inbox: ServerMessage[] = [];
  /** Batches are left out for him until he has caught up. */
  isSlow = false;
  missedAfter: Pick<Position, 'epoch' | 'offset'> | undefined;
  /** He sees control and money from this number on. */
  since: number | undefined;
  readonly durables: string[] = [];
  readonly faults: string[] = [];
  /** Times that nobody could tell what he had missed, and he was told to come again. */
  turnedAway = 0;
  #last: Position | undefined;

  constructor(tier: number) {
    this.tier = tier;
    const emitter = new Emitter<RoomSignalEvents>();
    emitter.on('batch', (batch) => this.#check(batch));
    emitter.on('signals', (signals) => this.#count(signals));
    emitter.on('gap', ({ epoch, to }) => {
      // Of another epoch: how much was said is not known.
      if (this.#last?.epoch === epoch && to !== undefined) this.#last = { ...this.#last, offset: to };
      else this.#last = undefined;
    });
    this.feed = new Feed({ emitter, isOwn: () => false, linesPerSecondMax: 1e9 });
  }

  get isConnected(): boolean {
    return this.node !== undefined;
  }

  /** He has no reason to think that something is missing. */
  get believesCurrent(): boolean {
    return this.isConnected && !this.feed.book.lacksParts && !this.feed.sequence.needsRepair;
  }

  connect(node: SimNode): void {
    this.node = node;
    this.isSlow = false;
    this.missedAfter = undefined;
    node.ask(this, this.feed.sequence.position);
  }

  /** What sessions do with what one has missed who comes back, and with what one has who asked for it. */
  answered(node: SimNode, missed: Missed | undefined): void {
    const isMember = node.clients.has(this);
    if (!missed) {
      this.turnedAway++;
      if (!isMember) this.disconnect();
      return;
    }
    const { room } = node;
    const { isComplete } = missed;
    node.bring(this, missed);
    if (isMember) {
      this.missedAfter = undefined;
      return this.hearMessage({ type: 'repaired', ...room.position, isComplete });
    }
    node.clients.add(this);
    const { stateVersion, state } = room;
    const head = { type: 'welcome', ...room.position, isComplete, stateVersion, state } as const;
    const rest = { tier: 'full', serverMs: 0, heartBeatMs: 0, resumeTicket: '' } as const;
    this.hearMessage({ ...head, ...rest, rules: room.rules! });
  }

  disconnect(): void {
    this.node?.forget(this);
    this.node = undefined;
    this.inbox = [];
  }

  /** A whole WebSocket frame with JSON in it. */
  hear(frame: Buffer): void {
    this.hearMessage(JSON.parse(frame.subarray(frame.indexOf('{"')).toString()) as ServerMessage);
  }

  hearMessage(message: ServerMessage): void {
    this.inbox.push(message);
  }

  take(): boolean {
    const message = this.inbox.shift();
    if (message) this.feed.take(message);
    if (message?.type === 'welcome') this.since ??= message.durable;
    return message !== undefined;
  }

  /** Asks for what he knows to be missing; false when there is nothing. */
  ask(): boolean {
    const { node, feed } = this;
    if (!node?.clients.has(this) || node.isAsking(this) || this.inbox.length > 0) return false;
    if (feed.sequence.needsRepair) {
      node.ask(this, feed.sequence.position);
      return true;
    }
    if (!feed.book.lacksParts) return false;
    const parts = node.room.stateAfter(feed.book.versions);
    this.hearMessage({ type: 'state', stateVersion: node.room.stateVersion, parts });
    return true;
  }

  catchUp(): boolean {
    if (!this.isSlow) return false;
    this.isSlow = false;
    if (this.missedAfter) this.node?.catchUp(this);
    this.missedAfter = undefined;
    return true;
  }

  /** Without a gap, each signal once, and all of them accounted for. */
  #check({ epoch, from, to, signals, counts }: Batch): void {
    const last = this.#last;
    if (last && epoch < last.epoch) this.faults.push(`epoch ${epoch} after ${last.epoch}`);
    if (last?.epoch === epoch && from > last.offset + 1)
      this.faults.push(`silent gap ${last.offset}-${from}`);
    const isNew = signals.every(({ offset }) => last?.epoch !== epoch || offset > last.offset);
    if (!isNew) this.faults.push(`again below ${last?.offset}`);
    const offered = counts.reduce((sum, count) => sum + count.offered, 0);
    if (offered !== Math.max(0, to - from + 1)) this.faults.push(`${offered} offered of ${from}-${to}`);
    this.#last = { epoch, offset: Math.max(to, last?.epoch === epoch ? last.offset : 0), durable: 0 };
  }

  #count(signals: readonly Signal[]): void {
    for (const { class: name, signalId } of signals) {
      if (name !== 'control' && name !== 'money') continue;
      if (this.durables.includes(signalId)) this.faults.push(`${signalId} twice`);
      this.durables.push(signalId);
    }
  }
}
