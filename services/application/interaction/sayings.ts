import type { Clock } from '@gala/lib/clock';
import { CodedError, codeOf, hasCode } from '@gala/lib/error';
import { interactionErrors, protocolErrors } from '@gala/protocol/errors';
import type { ClientSignal } from '@gala/protocol/signals';
import type { Deliveries } from './delivery.ts';
import type { InteractionEvents } from './events.ts';
import { publishedPrefix, type Accepted, type Room } from './room.ts';
import type { Rooms } from './rooms.ts';
import type { Connection, Draft, Speaker } from './types.ts';

/** What a viewer says, as his node has it. */
export interface Submission {
  readonly roomId: number;
  readonly speaker: Speaker;
  readonly connection: number;
  readonly clientId: string;
  /** Undefined for what could not be read. */
  readonly signal: ClientSignal | undefined;
}

export interface Submitted {
  /** Empty: accepted. */
  readonly code: string;
  readonly retryAfterMs: number;
  readonly signalId: string;
  readonly held: boolean;
}

export interface SayingsOptions {
  readonly clock: Clock;
  readonly rooms: Rooms;
  readonly deliveries: Deliveries;
  readonly events: InteractionEvents;
}

export interface PeerDraft {
  readonly userIds: readonly number[];
  readonly draft: Draft;
}

export interface StateValue {
  readonly name: string;
  readonly value: unknown;
}

const notOwnerRetryMs = 200;

/** What is said: by viewers, under the rules of the room, and by services. */
export class Sayings {
  readonly #options: SayingsOptions;

  constructor(options: SayingsOptions) {
    this.#options = options;
  }

  /** Answered in the order of the submissions, and judged in it. Never rejects. */
  async submit(node: string, submissions: readonly Submission[]): Promise<Submitted[]> {
    const { counters } = this.#options.events;
    counters.submissions += submissions.length;
    await this.#prepare(submissions);
    const submitted = await Promise.all(submissions.map((submission) => this.#submit(node, submission)));
    for (const { code } of submitted) if (code !== '') counters.submissionsRefused++;
    return submitted;
  }

  /** Once for one id, however often it is said. Errors: SIGNALS_UNDURABLE, NOT_OWNER, SIGNAL_INVALID. */
  publish(room: Room, draft: Draft, publishId: string): Promise<Accepted> {
    return this.#publishOnce(room, publishId, (key) => this.#say(room, [draft], key));
  }

  /** To the connections of these users alone; the same of ids. */
  tell(room: Room, { userIds, draft }: PeerDraft, publishId: string): Promise<Accepted> {
    return this.#publishOnce(room, publishId, async () => {
      const connections = userIds.flatMap((userId) => room.parts.presence.find(userId));
      this.#tell(room, connections, draft);
      return { signalId: draft.signalId, isHeld: false, reached: connections.length };
    });
  }

  /** A part of the state, the same of ids: what came after it stays. Errors: SIGNAL_INVALID. */
  change(room: Room, { name, value }: StateValue, publishId: string): Promise<Accepted> {
    return this.#publishOnce(room, publishId, async () => {
      room.parts.state.set(name, value);
      return { signalId: '', isHeld: false };
    });
  }

  async #publishOnce(
    room: Room,
    publishId: string,
    publish: (key: string) => Promise<Accepted>,
  ): Promise<Accepted> {
    const { counters } = this.#options.events;
    const key = publishId && publishedPrefix + publishId;
    const known = key && room.answersOf(key).get(key);
    if (known) {
      counters.publishedAgain++;
      return known;
    }
    counters.published++;
    return this.#once(room, key, () => publish(key));
  }

  /** What the rules do not know yet of these speakers is looked up, which is rare. */
  async #prepare(submissions: readonly Submission[]): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const [roomId, of] of Map.groupBy(submissions, (each) => each.roomId)) {
      const { rulebook } = this.#options.rooms.find(roomId)?.parts ?? {};
      const wait = rulebook?.prepare(of.map(({ speaker }) => speaker));
      if (wait) waits.push(wait);
    }
    if (waits.length > 0) await Promise.all(waits);
  }

  async #submit(node: string, submission: Submission): Promise<Submitted> {
    const { roomId, speaker, clientId } = submission;
    const room = this.#options.rooms.find(roomId);
    if (!room) return notOwned;
    const key = clientId && `c/${speaker.device}/${clientId}`;
    const known = key && room.answersOf(key).get(key);
    if (known) this.#options.events.counters.submissionsRepeated++;
    return this.#accepted(known || (() => this.#judge(room, { node, key, submission })));
  }

  async #accepted(asked: Accepted | Promise<Accepted> | (() => Promise<Accepted>)): Promise<Submitted> {
    try {
      const { signalId, isHeld } = await (typeof asked === 'function' ? asked() : asked);
      return { code: '', retryAfterMs: 0, signalId, held: isHeld };
    } catch (error) {
      if (!hasCode(error)) throw error;
      const retryAfterMs = Math.ceil((error.retryAfterSeconds ?? 0) * 1000);
      return { code: codeOf(error), retryAfterMs, signalId: '', held: false };
    }
  }

  async #judge(
    room: Room,
    { node, key, submission }: { node: string; key: string; submission: Submission },
  ): Promise<Accepted> {
    const { speaker, signal, connection } = submission;
    if (room.isEnded) throw new CodedError(interactionErrors, 'ROOM_SILENT');
    if (!signal) throw new CodedError(interactionErrors, 'SIGNAL_INVALID');
    const verdict = room.parts.rulebook.judge({ speaker, signal, nowMs: this.#options.clock.nowMs() });
    if (verdict.kind === 'refuse') throw refusal(verdict.code, verdict.retryAfterMs);
    if (verdict.kind === 'hold') return { signalId: verdict.signalId, isHeld: true };
    const { drafts } = verdict;
    if (verdict.kind === 'say') {
      return this.#once(room, key, () => this.#say(room, room.parts.crowd.heard(speaker, drafts), key));
    }
    for (const draft of drafts) this.#tell(room, [{ node, connection }], draft);
    return { signalId: drafts[0]?.signalId ?? '', isHeld: false };
  }

  /** Also while it is on its way; what is refused may be said again. */
  async #once(room: Room, key: string, say: () => Promise<Accepted>): Promise<Accepted> {
    const saying = say();
    if (key === '') return saying;
    const nowMs = this.#options.clock.monotonicMs();
    room.answersOf(key).set(key, saying, nowMs);
    try {
      const accepted = await saying;
      room.answersOf(key).set(key, accepted, nowMs);
      return accepted;
    } catch (error) {
      room.answersOf(key).delete(key);
      throw error;
    }
  }

  async #say(room: Room, drafts: readonly Draft[], key: string): Promise<Accepted> {
    const { clock, events } = this.#options;
    events.counters.said += drafts.length;
    const said = drafts.map(async (draft, index) => {
      if (!isDurable(draft)) return room.say(draft, clock.nowMs());
      if (!room.holding.isCaughtUp) throw undurable();
      return room.lane.say(draft, index === 0 ? key : '');
    });
    const [first] = await Promise.all(said);
    return { signalId: first?.signalId ?? '', isHeld: false };
  }

  #tell(room: Room, connections: readonly Connection[], draft: Draft): void {
    const { deliveries, clock } = this.#options;
    const signal = Buffer.from(JSON.stringify({ ...draft, offset: 0, atMs: clock.nowMs() }));
    for (const [node, at] of Map.groupBy(connections, (each) => each.node)) {
      const numbers = at.map(({ connection }) => BigInt(connection));
      deliveries.offerPeer(node, { roomId: BigInt(room.roomId), connections: numbers, signal });
    }
  }
}

const notOwned: Submitted = { code: 'NOT_OWNER', retryAfterMs: notOwnerRetryMs, signalId: '', held: false };

function isDurable({ class: name }: Draft): boolean {
  return name === 'control' || name === 'money';
}

function undurable(): CodedError {
  return new CodedError(interactionErrors, 'SIGNALS_UNDURABLE', { retryAfterSeconds: 1 });
}

function refusal(code: string, retryAfterMs: number): CodedError {
  const known = code in protocolErrors ? (code as keyof typeof protocolErrors) : 'SIGNAL_INVALID';
  return new CodedError(protocolErrors, known, {
    ...(retryAfterMs > 0 && { retryAfterSeconds: retryAfterMs / 1000 }),
  });
}
