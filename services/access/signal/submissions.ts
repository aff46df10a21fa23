import { hasCode } from '@gala/lib/error';
import type { ReplyMessage, SendMessage } from '@gala/protocol/signals';
import type { SignalTicket } from '@gala/protocol/ticket';
import type { Connection } from './connection.ts';
import type { SignalEvents } from './events.ts';
import type { Owners } from './owners.ts';
import type { Room } from './room.ts';

export interface SubmissionsParts {
  readonly nodeId: string;
  readonly owners: Owners;
  readonly events: SignalEvents;
  /** The owner says that the room is not its own. */
  readonly onNotOwned: (room: Room, reason: string) => void;
}

/** What clients say is gathered for so long. */
const gatherMs = 10;
/** What waits for one owner: beyond, clients are told to come again. */
const waitingMax = 20_000;
const callMax = 2_000;
/** Calls of one owner under way; more would only wait there. */
const callsMax = 2;
const submitMs = 3_000;
/** A client that is refused for what is our side's tries again after this. */
const retryMs = 1_000;

interface Submission {
  readonly connection: Connection;
  readonly room: Room;
  readonly message: SendMessage;
}

interface Outbox {
  readonly ownerId: string;
  waiting: Submission[];
  calls: number;
}

/** Brings what clients say to the owners of their rooms, many in one call, and the answers back to each. */
export class Submissions {
  readonly #parts: SubmissionsParts;
  /** By owner; there are as many as processes that own rooms. */
  readonly #outboxes = new Map<string, Outbox>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: SubmissionsParts) {
    this.#parts = parts;
  }

  /** What waits for its owner. */
  get size(): number {
    let sum = 0;
    for (const { waiting } of this.#outboxes.values()) sum += waiting.length;
    return sum;
  }

  add(submission: Submission): void {
    const { room } = submission;
    this.#parts.events.counters.submissions++;
    if (room.status !== 'open') return this.#refuse([submission], 'UNAVAILABLE');
    const outbox = this.#outboxOf(room.ownerId);
    if (outbox.waiting.length >= waitingMax) return this.#refuse([submission], 'TOO_FAST');
    outbox.waiting.push(submission);
    this.#timer ??= setTimeout(this.#flush, gatherMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  readonly #flush = (): void => {
    this.#timer = undefined;
    for (const outbox of this.#outboxes.values()) {
      if (outbox.waiting.length === 0 && outbox.calls === 0) this.#outboxes.delete(outbox.ownerId);
      while (outbox.waiting.length > 0 && outbox.calls < callsMax) void this.#send(outbox);
    }
  };

  async #send(outbox: Outbox): Promise<void> {
    const { nodeId, owners, events } = this.#parts;
    const submissions = outbox.waiting.splice(0, callMax);
    outbox.calls++;
    events.counters.submitCalls++;
    try {
      const request = { node: nodeId, submissions: submissions.map(wireSubmission) };
      const { results } = await owners.client.submit(request, {
        member: outbox.ownerId,
        timeoutMs: submitMs,
      });
      events.answered('submit');
      submissions.forEach((submission, index) => this.#answer(submission, results[index]));
    } catch (error) {
      events.submitFailed(outbox.ownerId, error);
      this.#refuse(submissions, hasCode(error) ? error.code : 'UNAVAILABLE');
      for (const room of new Set(submissions.map((each) => each.room))) {
        this.#parts.onNotOwned(room, 'submit failed');
      }
    } finally {
      outbox.calls--;
      this.#timer ??= setTimeout(this.#flush, 0);
    }
  }

  #answer(submission: Submission, result: SubmitAnswer | undefined): void {
    if (!result || result.code === 'NOT_OWNER') {
      this.#refuse([submission], 'UNAVAILABLE');
      this.#parts.onNotOwned(submission.room, 'not owned');
      return;
    }
    const { code, retryAfterMs, signalId, held } = result;
    if (code !== '') this.#parts.events.counters.submissionsRefused++;
    reply(submission, { code, retryAfterMs, signalId, isHeld: held });
  }

  #refuse(submissions: readonly Submission[], code: string): void {
    this.#parts.events.counters.submissionsRefused += submissions.length;
    for (const submission of submissions) {
      reply(submission, { code, retryAfterMs: retryMs, signalId: '', isHeld: false });
    }
  }

  #outboxOf(ownerId: string): Outbox {
    const known = this.#outboxes.get(ownerId);
    if (known) return known;
    const outbox: Outbox = { ownerId, waiting: [], calls: 0 };
    this.#outboxes.set(ownerId, outbox);
    return outbox;
  }
}

interface SubmitAnswer {
  readonly code: string;
  readonly retryAfterMs: number;
  readonly signalId: string;
  readonly held: boolean;
}

function reply({ connection, message }: Submission, fields: Omit<ReplyMessage, 'type' | 'id'>): void {
  connection.send({ type: 'reply', id: message.id, ...fields });
}

function wireSubmission({ connection, room, message }: Submission) {
  return {
    roomId: BigInt(room.id),
    speaker: wireSpeaker(connection),
    connection: BigInt(connection.id),
    clientId: message.id,
    signal: Buffer.from(JSON.stringify(message.signal)),
  };
}

/** Who a client is, as its ticket said. */
export function wireSpeaker({
  ticket,
  address,
}: {
  readonly ticket?: SignalTicket | undefined;
  readonly address: string;
}) {
  const { userId = 0, name = '', role = 'viewer', device = '' } = ticket ?? {};
  return { userId: BigInt(userId), name, role, device, address };
}
