import { createHash } from 'node:crypto';
import type { Breaker } from '@gala/lib/breaker';
import type { Clock } from '@gala/lib/clock';
import { CodedError, hasCode } from '@gala/lib/error';
import type { EventLog } from '@gala/lib/eventlog';
import { within } from '@gala/lib/timing';
import { interactionErrors } from '@gala/protocol/errors';
import { signalTopic, type Signal } from '@gala/protocol/signals';
import type { InteractionEvents } from '../events.ts';
import { notOwner } from '../partitions.ts';
import { RecentAnswers } from '../recent-answers.ts';
import type { Room } from '../room.ts';
import type { Draft } from '../types.ts';
import { encodeRecord, numberAt, type DurableRecord } from './record.ts';

export interface LaneOptions {
  readonly log: Pick<EventLog, 'append'>;
  readonly breaker: Breaker;
  readonly clock: Clock;
  readonly events: InteractionEvents;
  /** So long an append may take before who waits for it is refused. */
  readonly appendMsMax: number;
}

interface Waiting {
  readonly draft: Draft;
  readonly id: string;
  resolve(signal: Signal): void;
  reject(error: unknown): void;
}

const waitingMax = 2000;
const appendMax = 500;
/** Appends that were given up and may be in the log all the same. */
const doubtedMax = 2000;
/** An append that is in doubt is tried for some seconds, and so is asked for again. */
const said = { generationMs: 30_000, max: 2000 };

/**
 * Control and money of one room: into the log, and then said, in this order. One append is waited for at a time, and
 * the next one takes all that has come meanwhile.
 */
export class DurableLane {
  readonly #room: Room;
  readonly #options: LaneOptions;
  readonly #doubted = new Map<number, DurableRecord>();
  readonly #said = new RecentAnswers<Signal>(said);
  #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #last = 0;

  constructor(room: Room, options: LaneOptions) {
    this.#room = room;
    this.#options = options;
  }

  /** Nothing is on its way: all numbers up to now are said or refused. */
  get isIdle(): boolean {
    return this.#draining === undefined;
  }

  /** Resolves when it is durable and has its place. Errors: SIGNALS_UNDURABLE, NOT_OWNER, SIGNAL_INVALID. */
  say(draft: Draft, id: string): Promise<Signal> {
    if (this.#waiting.length >= waitingMax) {
      this.#options.events.durableRefused(1, 'too many wait');
      return Promise.reject(undurable('too many wait'));
    }
    const { promise, resolve, reject } = Promise.withResolvers<Signal>();
    this.#waiting.push({ draft, id, resolve, reject });
    this.#draining ??= this.#drain().finally(() => (this.#draining = undefined));
    return promise;
  }

  /** The log has it: if its append was given up, it is said now. */
  followed(record: DurableRecord): void {
    if (!this.#doubted.delete(record.number) || this.#room.isClosed) return;
    this.#sayLate(record);
  }

  /** Until nothing is on its way. */
  async settled(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // What is said in one turn of the loop goes together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) await this.#append(this.#waiting.splice(0, appendMax));
  }

  async #append(waiting: readonly Waiting[]): Promise<void> {
    const { breaker, events } = this.#options;
    const records = waiting.map(({ draft, id }) => this.#recordOf(draft, id));
    try {
      if (this.#room.isClosed) throw notOwner();
      await breaker.run(() => this.#write(records));
      this.#keep(waiting, records);
    } catch (error) {
      const coded = hasCode(error, 'NOT_OWNER') ? error : undurable(error);
      if (coded.code !== 'NOT_OWNER') events.durableRefused(waiting.length, error);
      for (const each of waiting) each.reject(coded);
    }
  }

  #keep(waiting: readonly Waiting[], records: readonly DurableRecord[]): void {
    const { events } = this.#options;
    // Another may own the room by now: it finds these in the log, or has opened the room without them.
    if (this.#room.isClosed) throw notOwner();
    events.durableKept(records.length);
    for (const [index, record] of records.entries()) waiting[index].resolve(this.#sayOnce(record));
  }

  /** Waits so long and no longer; the log goes on trying, and what it has in the end is said late. */
  async #write(records: readonly DurableRecord[]): Promise<void> {
    const { log, appendMsMax } = this.#options;
    let isGivenUp = false;
    const appended = log.append(signalTopic, String(this.#room.roomId), records.map(encodeRecord));
    appended.then(
      () => isGivenUp && this.#sayAllLate(records),
      () => this.#doubt(records),
    );
    await within(appendMsMax, appended, () => {
      isGivenUp = true;
      throw undurable(`the log takes longer than ${appendMsMax} ms`);
    });
  }

  #recordOf(draft: Draft, id: string): DurableRecord {
    const nowMs = this.#options.clock.nowMs();
    this.#last = Math.max(this.#last + 1, this.#room.durable + 1, numberAt(nowMs));
    // Those who are told it again know it by its id.
    const signalId = draft.signalId || (id === '' ? `d${this.#last.toString(36)}` : signalIdOf(id));
    return { number: this.#last, epoch: this.#room.epoch, id, atMs: nowMs, draft: { ...draft, signalId } };
  }

  #doubt(records: readonly DurableRecord[]): void {
    for (const record of records) {
      if (this.#doubted.size >= doubtedMax) this.#doubted.delete(this.#doubted.keys().next().value!);
      this.#doubted.set(record.number, record);
    }
  }

  #sayAllLate(records: readonly DurableRecord[]): void {
    if (this.#room.isClosed) return;
    for (const record of records) this.#sayLate(record);
  }

  /** Who was refused may ask again, and is answered by what is said here. */
  #sayLate(record: DurableRecord): void {
    this.#options.events.counters.durableLate++;
    const { signalId } = this.#sayOnce(record);
    const nowMs = this.#options.clock.monotonicMs();
    if (record.id !== '') this.#room.answersOf(record.id).set(record.id, { signalId, isHeld: false }, nowMs);
  }

  /** What was in doubt and was asked for again is in the log twice. */
  #sayOnce({ draft, number, id }: DurableRecord): Signal {
    const { clock } = this.#options;
    const known = id === '' ? undefined : this.#said.get(id);
    if (known) return known;
    const signal = this.#room.sayDurable(draft, number, clock.nowMs());
    if (id !== '') this.#said.set(id, signal, clock.monotonicMs());
    return signal;
  }
}

/** The same whenever the same is said. */
function signalIdOf(id: string): string {
  return `d${createHash('sha1').update(id).digest('base64url').slice(0, 16)}`;
}

function undurable(cause: unknown): CodedError {
  if (hasCode(cause, 'SIGNALS_UNDURABLE')) return cause;
  if (hasCode(cause, 'LOG_TOO_LARGE')) return new CodedError(interactionErrors, 'SIGNAL_INVALID', { cause });
  const retryAfterSeconds = 1;
  return new CodedError(interactionErrors, 'SIGNALS_UNDURABLE', { cause, retryAfterSeconds });
}
