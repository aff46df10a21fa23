import type { RoomCrowd } from './crowd/crowd.ts';
import type { RoomRules, Signal, StatePart } from '@gala/protocol/signals';
import type { DurableLane } from './durable/lane.ts';
import { numberAt, type DurableRecord } from './durable/record.ts';
import { encodePlain, encodeTick, type RoomBatch } from './encoding.ts';
import type { Holding } from './partitions.ts';
import { RecentAnswers } from './recent-answers.ts';
import type { RoomFacts } from './room-source.ts';
import { RoomRing, type RingBudget } from './room-ring.ts';
import type { Attendance, Draft, RoomPresence, RoomStateParts, Rulebook, TickMerger } from './types.ts';

/** What others make for a room when it is opened. */
export interface RoomParts {
  readonly rulebook: Rulebook;
  readonly merger: TickMerger;
  readonly state: RoomStateParts;
  readonly presence: RoomPresence & Disposable;
  readonly crowd: Pick<RoomCrowd, 'heard' | 'close'>;
}

export interface RoomOptions {
  readonly facts: RoomFacts;
  readonly holding: Holding;
  readonly epoch: number;
  readonly parts: RoomParts;
  readonly budget: RingBudget;
  readonly openLane: (room: Room) => DurableLane;
  /** Greater than the numbers of all control and money signals before. */
  readonly durable: number;
  /** There is something to say at the next tick. */
  readonly onDirty: (room: Room) => void;
}

/** What was answered to a submission or a publication. */
export interface Accepted {
  readonly signalId: string;
  readonly isHeld: boolean;
  /** Connections that a peer signal went to. */
  readonly reached?: number;
}

type Answers = RecentAnswers<Accepted | Promise<Accepted>>;

/** Answers are remembered for this long at least, or the last so many: who lost his connection asks within seconds. */
const answersKept = { generationMs: 30_000, max: 4096 };
/** Begins the ids of what services publish; those of viewers begin otherwise. */
export const publishedPrefix = 'p/';
/** Numbers of control and money signals of this epoch whose places are known. */
const placesMax = 4096;

/** A room that is owned here: the order of what is said in it, and what was said last. */
export class Room implements Disposable {
  readonly facts: RoomFacts;
  readonly holding: Holding;
  readonly epoch: number;
  readonly parts: RoomParts;
  readonly ring: RoomRing;
  readonly lane: DurableLane;
  /** Nodes that are sent what it says, and which opening of theirs this is. */
  readonly nodes = new Map<string, number>();
  /** Since when nobody needs it, by the monotonic clock; undefined while somebody does. */
  idleSinceMs: number | undefined;
  isEnded = false;
  isClosed = false;
  readonly #submitted: Answers = new RecentAnswers(answersKept);
  readonly #published: Answers = new RecentAnswers(answersKept);
  readonly #onDirty: (room: Room) => void;
  readonly #places = new Map<number, number>();
  #announcement = '';
  #offset = 0;
  #durable: number;
  #told: { readonly offset: number; readonly durable: number };

  constructor({ facts, holding, epoch, parts, budget, openLane, durable, onDirty }: RoomOptions) {
    this.facts = facts;
    this.holding = holding;
    this.epoch = epoch;
    this.parts = parts;
    this.ring = new RoomRing(budget);
    this.#durable = durable;
    this.#told = { offset: 0, durable };
    this.#onDirty = onDirty;
    this.lane = openLane(this);
  }

  get roomId(): number {
    return this.facts.roomId;
  }

  get rules(): RoomRules {
    return this.parts.rulebook.rules;
  }

  /** Offset and durable number of the last signal that went out. */
  get told(): { readonly offset: number; readonly durable: number } {
    return this.#told;
  }

  /** Greater than the numbers of all control and money signals that have a place, gone out or not; 0 while unknown. */
  get durable(): number {
    return this.#durable;
  }

  /** Where the answer to this id is remembered: a crowd that says much does not push out what services published. */
  answersOf(id: string): Answers {
    return id.startsWith(publishedPrefix) ? this.#published : this.#submitted;
  }

  /** All that was promised before is known, and has no greater number. */
  knowsDurable(number: number): void {
    this.#durable = Math.max(this.#durable, number);
  }

  /** Gives a signal its place; it goes out with the next tick. */
  say(draft: Draft, nowMs: number): Signal {
    const signal = { ...draft, offset: ++this.#offset, atMs: nowMs } as Signal;
    this.parts.merger.offer(signal);
    this.touch();
    return signal;
  }

  /** The same for one that the log has. */
  sayDurable(draft: Draft, durable: number, nowMs: number): Signal {
    this.#durable = Math.max(this.#durable, durable);
    const signal = this.say(draft, nowMs);
    if (this.#places.size >= placesMax) this.#places.delete(this.#places.keys().next().value!);
    this.#places.set(durable, signal.offset);
    return signal;
  }

  /** It will come, or be found in the ring: nobody has to be told it in another way. */
  has(durable: number): boolean {
    return (this.#places.get(durable) ?? 0) > this.ring.reachesBackTo;
  }

  /** What a node says of its viewers; true when it is to say it all next time. */
  attend(node: string, attendance: Attendance, nowMs: number): boolean {
    const { enters, wantsWhole } = this.parts.presence.report(node, attendance, nowMs);
    for (const enter of enters) this.say(enter, nowMs);
    this.tellViewers(nowMs);
    return wantsWhole;
  }

  /** The node has no viewer of the room any more. */
  leave(node: string, nowMs: number): void {
    this.parts.presence.drop(node, nowMs);
    this.tellViewers(nowMs);
  }

  /** What the host tells in his rooms; empty for nothing. */
  announce(text: string): void {
    if (text === this.#announcement) return;
    this.#announcement = text;
    this.parts.state.set('announcement', { text });
  }

  /** Their number, when it is time; also to be called now and then without a report. */
  tellViewers(nowMs: number): void {
    const viewers = this.parts.presence.takeViewers(nowMs);
    if (viewers) this.parts.state.set('viewers', viewers);
  }

  touch(): void {
    if (!this.isClosed) this.#onDirty(this);
  }

  /** What it said since the last tick; undefined when it said nothing. */
  flush(nowMs: number): RoomBatch | undefined {
    const ticks = this.parts.merger.flush(nowMs) ?? [];
    const state = this.parts.state.takeChanged(nowMs);
    if (ticks.length === 0 && state.length === 0 && this.#offset === this.#told.offset) return undefined;
    // Who has this batch has all control and money up to now, and says so when he comes back.
    if (this.lane.isIdle && this.holding.isCaughtUp) this.#durable = Math.max(this.#durable, numberAt(nowMs));
    const batch = encodeTick(this.#header(nowMs), ticks, state);
    this.#told = { offset: this.#offset, durable: this.#durable };
    // One that brings state alone has no place in the sequence; who missed it sees it by the versions.
    if (batch.from <= batch.to) this.ring.push(batch);
    return batch;
  }

  /** Says where the room is, to a node that may have missed something. */
  position(nowMs: number): RoomBatch {
    const { offset, durable } = this.#told;
    return encodePlain({ ...this.#header(nowMs), from: offset + 1, to: offset, durable }, []);
  }

  /**
   * Control and money of before the ring or the epoch: their places mean nothing, and the epoch is 0. Also without any
   * it says up to where there are no more.
   */
  recalled(records: readonly DurableRecord[], nowMs: number): RoomBatch {
    const durable = this.#durableBeforeRing();
    const atMs = records[0]?.atMs ?? nowMs;
    const header = { ...this.#header(atMs), epoch: 0, from: 1, to: records.length, durable };
    const signals = records.map((record, index) => {
      return { ...record.draft, offset: index + 1, atMs: record.atMs } satisfies Signal;
    });
    return encodePlain(header, signals);
  }

  stateAbove(versions: Readonly<Record<string, number>>): readonly StatePart[] {
    return this.parts.state.above(versions);
  }

  [Symbol.dispose](): void {
    this.isClosed = true;
    this.parts.presence[Symbol.dispose]();
    this.parts.rulebook[Symbol.dispose]();
    this.ring[Symbol.dispose]();
  }

  /** Whoever has everything up to this number lacks, of control and money, only what the ring has. */
  #durableBeforeRing(): number {
    const { reachesBackTo } = this.ring;
    for (const [number, offset] of this.#places)
      if (offset > reachesBackTo) return Math.min(number - 1, this.#told.durable);
    return this.#told.durable;
  }

  #header(nowMs: number) {
    return {
      roomId: this.roomId,
      epoch: this.epoch,
      from: this.#told.offset + 1,
      to: this.#offset,
      atMs: nowMs,
      stateVersion: this.parts.state.version,
      durable: this.#durable,
    };
  }
}
