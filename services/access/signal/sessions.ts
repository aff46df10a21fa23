import type { Clock } from '@gala/lib/clock';
import { codeOf, CodedError, hasCode } from '@gala/lib/error';
import type { SigningKeys } from '@gala/lib/signing-keys';
import { closeCodes } from '@gala/lib/websocket';
import { commonErrors, signalErrors } from '@gala/protocol/errors';
import {
  parseClientMessage,
  tiers,
  type ClientMessage,
  type HelloMessage,
  type RepairMessage,
} from '@gala/protocol/signals';
import { signTicket, ticketKid, verifyTicket, type SignalTicket } from '@gala/protocol/ticket';
import type { SignalConfig } from './config.ts';
import type { Connection } from './connection.ts';
import type { SignalEvents } from './events.ts';
import { Kinds } from './kinds.ts';
import { nothingMissed, type Missed } from './missed.ts';
import type { Presence } from './presence.ts';
import type { Pressure } from './pressure.ts';
import type { Room } from './room.ts';
import type { Rooms } from './rooms.ts';
import { textFrame } from './shared.ts';
import type { Submissions } from './submissions.ts';

export interface SessionsParts {
  readonly clock: Clock;
  readonly config: SignalConfig;
  readonly keys: SigningKeys;
  readonly rooms: Rooms;
  readonly submissions: Submissions;
  readonly presence: Presence;
  readonly pressure: Pressure;
  readonly events: SignalEvents;
}

/** How long a ticket that a welcome gives opens connections: who lost a node comes back without asking the gateway. */
const resumeTicketMs = 6 * 3_600_000;
/** A client is told to come again after this, when it is not its own fault that it cannot stay. */
const comeAgainMs = 1_000;
const { policyViolation, tryAgainLater } = closeCodes;
/** RFC 6455, 7.4.1: data of a type that is not taken. */
const unsupportedData = 1003;

/** What clients say on their connections, and what each is answered. */
export class Sessions {
  readonly kinds = new Kinds();
  readonly #parts: SessionsParts;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  receive(connection: Connection, data: Buffer, isBinary: boolean): void {
    const { counters } = this.#parts.events;
    if (connection.closed) return;
    counters.messagesIn++;
    const message = isBinary ? undefined : parseClientMessage(data.toString());
    if (!message) {
      counters.messagesMalformed++;
      const code = isBinary ? unsupportedData : policyViolation;
      return connection.bye({ code: 'MESSAGE_INVALID', retryAfterMs: 0 }, code);
    }
    const waitMs = this.#waitMs(connection);
    if (waitMs > 0) return this.#limit(connection, message, waitMs);
    if (message.type === 'unknown-send') this.#refuse(connection, message, { code: 'SIGNAL_INVALID' });
    else this.#take(connection, message);
  }

  /** Call once when the connection is over. */
  end(connection: Connection): void {
    const { stage, room, group } = connection;
    connection.closed = true;
    connection.stage = 'gone';
    this.#parts.pressure.forget(connection);
    if (stage !== 'member' || !room) return;
    this.#parts.events.counters.leaves++;
    if (group) this.kinds.leave(group.format.kind);
    room.audience.remove();
    this.#parts.presence.left(room, connection);
  }

  /** The client does not take what is sent: a word more would only wait as well. */
  readonly evict = (connection: Connection): void => {
    this.#parts.pressure.forget(connection);
    this.#parts.events.counters.evictedSlow++;
    connection.bye({ code: 'TOO_SLOW', retryAfterMs: comeAgainMs }, tryAgainLater);
  };

  /** Looks at those who owe something while their rooms are silent. Call about once a second. */
  sweep(): void {
    const { pressure, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    for (const connection of pressure.owing) {
      const verdict = pressure.judge(connection, nowMs);
      if (verdict === 'evict') this.evict(connection);
      else if (verdict === 'write' && connection.missedAfter) connection.room?.catchUp(connection);
    }
  }

  #take(connection: Connection, message: ClientMessage): void {
    if (message.type === 'hello') return this.#hello(connection, message);
    if (message.type === 'ping') {
      return connection.send({
        type: 'pong',
        atMs: message.atMs,
        serverMs: Math.round(this.#parts.clock.nowMs()),
      });
    }
    const { room, stage } = connection;
    if (stage === 'new') return connection.bye({ code: 'HELLO_EXPECTED', retryAfterMs: 0 }, policyViolation);
    // One that does not wait for its welcome is told to.
    if (!room) return this.#refuse(connection, message, { code: 'UNAVAILABLE', retryAfterMs: comeAgainMs });
    if (message.type === 'send') this.#parts.submissions.add({ connection, room, message });
    else if (message.type === 'repair') void this.#repair(connection, room, message);
    else if (message.type === 'health') connection.health = message.media;
    else {
      const parts = room.stateAfter(message.versions);
      connection.send({ type: 'state', stateVersion: room.stateVersion, parts });
    }
  }

  #hello(connection: Connection, hello: HelloMessage): void {
    if (connection.stage !== 'new') {
      return connection.bye({ code: 'MESSAGE_INVALID', retryAfterMs: 0 }, policyViolation);
    }
    connection.stage = 'greeted';
    this.#enter(connection, hello).catch((error: unknown) => this.#turnAway(connection, error));
  }

  async #enter(connection: Connection, hello: HelloMessage): Promise<void> {
    const { clock, events, rooms } = this.#parts;
    const beganMs = clock.monotonicMs();
    const ticket = await this.#checkedTicket(hello.ticket);
    const room = await rooms.open(ticket.roomId);
    const missed = hello.resume ? await rooms.missedSince(room, hello.resume) : nothingMissed;
    // While the owner cannot be asked nobody knows what was missed, and control and money may be of it: come again.
    if (!missed) throw new CodedError(commonErrors, 'UNAVAILABLE', { retryAfterSeconds: 1 });
    if (connection.closed) return;
    connection.ticket = ticket;
    connection.room = room;
    connection.stage = 'member';
    room.audience.add(connection, this.kinds.enter(hello.client));
    if (hello.resume) events.counters[missed.isComplete ? 'resumesComplete' : 'resumesIncomplete']++;
    this.#welcome(connection, room, missed);
    this.#parts.presence.joined(room, connection);
    events.welcomeSeconds.observe((clock.monotonicMs() - beganMs) / 1000);
  }

  /** What it missed comes first, so that the welcome says where it is. */
  #welcome(connection: Connection, room: Room, missed: Missed): void {
    const { clock, config } = this.#parts;
    const bytes = room.bytesFor(connection, missed);
    if (bytes) connection.write(bytes);
    const welcome = textFrame({
      type: 'welcome',
      ...room.position,
      isComplete: missed.isComplete,
      stateVersion: room.stateVersion,
      state: room.state,
      rules: room.rules,
      tier: tiers[connection.group!.format.tier],
      serverMs: Math.round(clock.nowMs()),
      heartBeatMs: config.heartBeatMs,
      resumeTicket: this.#resumeTicket(connection.ticket!),
    });
    connection.write(welcome);
  }

  async #repair(connection: Connection, room: Room, { after }: RepairMessage): Promise<void> {
    const missed = await this.#parts.rooms.missedSince(room, after);
    // While the owner cannot be asked nothing can be said: the client asks again.
    if (connection.closed || !missed) return;
    const { isComplete } = missed;
    const bytes = room.bytesFor(connection, missed);
    if (bytes) connection.write(bytes);
    room.audience.isUpToDate(connection);
    connection.send({ type: 'repaired', ...room.position, isComplete });
  }

  /** @throws CodedError TICKET_INVALID, UNAVAILABLE while no keys are known */
  async #checkedTicket(text: string): Promise<SignalTicket> {
    const { keys, clock } = this.#parts;
    const ticket = verifyTicket(text, { keys: await keys.for(ticketKid(text) ?? ''), nowMs: clock.nowMs() });
    if (!ticket) throw new CodedError(signalErrors, 'TICKET_INVALID');
    return ticket;
  }

  #resumeTicket(ticket: SignalTicket): string {
    const { keys, clock } = this.#parts;
    const key = keys.newest;
    return key ? signTicket({ ...ticket, expiresAtMs: clock.nowMs() + resumeTicketMs }, key) : '';
  }

  #turnAway(connection: Connection, error: unknown): void {
    this.#parts.events.counters.hellosRefused++;
    const seconds = hasCode(error) ? error.retryAfterSeconds : undefined;
    const isDecision = hasCode(error) && error.http < 500;
    const retryAfterMs = seconds === undefined ? (isDecision ? 0 : comeAgainMs) : seconds * 1000;
    connection.bye({ code: codeOf(error), retryAfterMs }, isDecision ? policyViolation : tryAgainLater);
  }

  /** Takes from what the connection may say; how long it has to wait when that is used up. */
  #waitMs(connection: Connection): number {
    const { clock, config } = this.#parts;
    const { perSecond, burst } = config.messages;
    // Whole numbers: those with a fraction would each be an object of its own, in every connection.
    const nowMs = Math.trunc(clock.monotonicMs());
    // One that has said nothing yet may say all that a rested one may.
    const earned = Math.trunc((nowMs - connection.filledAtMs) * perSecond);
    connection.creditMilli = Math.min(burst * 1000, connection.creditMilli + earned) - 1000;
    if (earned > 0) connection.filledAtMs = nowMs;
    return connection.creditMilli < 0 ? Math.ceil(-connection.creditMilli / perSecond) : 0;
  }

  /** Who goes on regardless is closed. */
  #limit(connection: Connection, message: { readonly type: string }, waitMs: number): void {
    this.#parts.events.counters.messagesRefused++;
    const isFlood = connection.creditMilli < -1000 * this.#parts.config.messages.burst;
    if (isFlood) connection.bye({ code: 'TOO_FAST', retryAfterMs: waitMs }, policyViolation);
    else this.#refuse(connection, message, { code: 'TOO_FAST', retryAfterMs: waitMs });
  }

  /** What has no answer is passed over. */
  #refuse(
    connection: Connection,
    message: { readonly type: string; readonly id?: string },
    { code, retryAfterMs = 0 }: { readonly code: string; readonly retryAfterMs?: number },
  ): void {
    const { type, id } = message;
    if ((type !== 'send' && type !== 'unknown-send') || id === undefined) return;
    connection.send({ type: 'reply', id, code, retryAfterMs, signalId: '', isHeld: false });
  }
}
