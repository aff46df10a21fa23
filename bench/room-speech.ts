/** All that is said in a room of the bench, each kind at its rate. */
import { setTimeout as delay } from 'node:timers/promises';

import type { ClientSignal } from '@gala/protocol/signals';
import { publishGifts, type GiftLine, type GiftService } from './room-gifts.ts';
import { noAccounts, type Accounts, type RoomClient } from './room-sample.ts';
import { signalStamp } from './room-stamp.ts';

/**
 * A second: likes are ambient, what guests say is member, what the host says is host, what he takes back is control,
 * and gifts are money.
 */
export const rates = { like: 1000, member: 100, host: 800, retract: 50, gift: 50 } as const;
/** Signals are said in steps of so many ms, those of a step evenly over the senders. */
const stepMs = 10;

export interface Speakers {
  /** The first takes back what the others said. */
  readonly hosts: readonly RoomClient[];
  /** Each has a device of its own: a hand likes about ten times a second, and what is more does not count. */
  readonly guests: readonly RoomClient[];
  readonly service: Omit<GiftService, 'perSecond'>;
  readonly seconds: number;
}

export interface Said {
  /** Offered of each class: what was answered as accepted. */
  readonly accepted: Accounts;
  readonly refused: number;
  /** Control, in the order in which it was said. */
  readonly retracted: readonly string[];
  /** Money: by connection, in the order of each. */
  readonly gifts: readonly GiftLine[];
  /** When each control and money signal was said first, by `performance.now`. */
  readonly saidAtMs: ReadonlyMap<string, number>;
}

/** Says everything at its rate, and answers what was taken once everything is answered. */
export async function speak(speakers: Speakers): Promise<Said> {
  const saidAtMs = new Map<string, number>();
  const onSaid = (key: string): void => void saidAtMs.set(key, performance.now());
  const { service, seconds } = speakers;
  const [spoken, gifts] = await Promise.all([
    speakBySocket(speakers, onSaid),
    publishGifts({ ...service, perSecond: rates.gift }, seconds, onSaid),
  ]);
  const { accepted } = spoken;
  accepted.money.offered = gifts.reduce((sum, line) => sum + line.accepted.length, 0);
  const refused = gifts.reduce((sum, line) => sum + line.refused, spoken.refused);
  return { ...spoken, refused, gifts, saidAtMs };
}

async function speakBySocket(
  { hosts, guests, seconds }: Speakers,
  onSaid: (key: string) => void,
): Promise<Omit<Said, 'gifts' | 'saidAtMs'>> {
  const accepted = noAccounts();
  const retracted: string[] = [];
  const [retractor, ...commenters] = hosts;
  /** Comments that may be taken back, and those that are. */
  const shown: string[] = [];
  const takenBack: string[] = [];
  const answers = { waiting: 0, refused: 0 };
  // Likes have no id.
  listen(guests, answers, (signalId) => accepted[signalId === '' ? 'ambient' : 'member'].offered++);
  listen(commenters, answers, (signalId) => {
    accepted.host.offered++;
    shown.push(signalId);
  });
  listen([retractor], answers, () => {
    accepted.control.offered++;
    retracted.push(takenBack[retracted.length]);
  });
  const perStep = (perSecond: number): number => (perSecond * stepMs) / 1000;
  const kinds = [
    { count: perStep(rates.like), clients: guests, signal: (): ClientSignal => ({ type: 'like', count: 1 }) },
    { count: perStep(rates.member), clients: guests, signal: commentOf },
    { count: perStep(rates.host), clients: commenters, signal: commentOf },
  ] as const;
  const beganAtMs = performance.now();
  for (let step = 1; step <= (seconds * 1000) / stepMs; step++) {
    await delay(Math.max(0, beganAtMs + step * stepMs - performance.now()));
    for (const { count, clients, signal } of kinds) {
      for (let said = (step - 1) * count; said < step * count; said++) {
        clients[said % clients.length].say(signal(said));
        answers.waiting++;
      }
    }
    const signalId = takenBack.length < step * perStep(rates.retract) ? shown.shift() : undefined;
    if (signalId === undefined) continue;
    takenBack.push(signalId);
    onSaid(signalId);
    retractor.say({ type: 'retract', signalId });
    answers.waiting++;
  }
  for (let tries = 0; answers.waiting > 0 && tries < 100; tries++) await delay(100);
  return { accepted, refused: answers.refused + answers.waiting, retracted };
}

function commentOf(said: number): ClientSignal {
  return { type: 'comment', text: signalStamp(said) };
}

function listen(
  clients: readonly RoomClient[],
  answers: { waiting: number; refused: number },
  taken: (signalId: string) => void,
): void {
  for (const client of clients) {
    client.onReply = (code, signalId) => {
      answers.waiting--;
      if (code === '') taken(signalId);
      else if (answers.refused++ === 0) console.error(`refused: ${code}`);
    };
  }
}
