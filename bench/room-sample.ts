/** Clients of Gala's rooms that check every batch, and those who say something and remember what was taken. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

import {
  binarySubprotocol,
  jsonSubprotocol,
  readServerMessage,
  signalClasses,
  type Batch,
  type ClientMessage,
  type ClientSignal,
  type HelloMessage,
  type SignalClass,
  type Tier,
} from '@gala/protocol/signals';
import { WebSocket } from 'ws';

/** What became of the signals of one class. */
export interface Account {
  offered: number;
  delivered: number;
  merged: number;
  shed: number;
}

export type Accounts = Record<SignalClass, Account>;

export const noAccounts = (): Accounts =>
  Object.fromEntries(
    signalClasses.map((name) => [name, { offered: 0, delivered: 0, merged: 0, shed: 0 }]),
  ) as Accounts;

/** A control or money signal, as one client was told it. */
export interface Durable {
  /** What is taken back, or the entry of the gift. */
  readonly key: string;
  readonly atMs: number;
}

/** What one client of a tier was told, batch by batch. */
export class Ledger {
  readonly tier: Tier;
  readonly accounts = noAccounts();
  /** Batches with signals in another tier. */
  strayed = 0;
  batches = 0;
  /** Batches that did not follow the one before, or say an offset again. */
  gaps = 0;
  /** In the order in which they came. */
  readonly durables: Durable[] = [];
  #to: number | undefined;

  constructor(tier: Tier = 'full') {
    this.tier = tier;
  }

  take(batch: Batch): void {
    if (this.#to !== undefined && batch.from !== this.#to + 1) this.gaps++;
    this.#to = batch.to;
    this.batches++;
    if (batch.tier !== this.tier && batch.counts.length > 0) this.strayed++;
    for (const { class: name, offered, merged, shed } of batch.counts) {
      const account = this.accounts[name];
      account.offered += offered;
      account.merged += merged;
      account.shed += shed;
    }
    const atMs = performance.now();
    for (const signal of batch.signals) {
      this.accounts[signal.class].delivered++;
      if (signal.type === 'retract') this.durables.push({ key: signal.retracted, atMs });
      else if (signal.type === 'gift') this.durables.push({ key: signal.entryId, atMs });
    }
  }

  /** Classes for which offered = delivered + merged + shed does not hold. */
  unbalanced(): SignalClass[] {
    return signalClasses.filter((name) => {
      const { offered, delivered, merged, shed } = this.accounts[name];
      return offered !== delivered + merged + shed;
    });
  }
}

interface Opening {
  readonly url: string;
  readonly ticket: string;
  readonly json?: boolean;
  /** Its media are said to play so badly that it is in this one. */
  readonly tier?: keyof typeof healths;
}

/** What a client says of its media to be in a tier. */
const healths = { full: 'good', reduced: 'poor', minimal: 'stalled' } as const;

/** One connection in a room; it is a member of it once `open` has resolved. */
export class RoomClient implements Disposable {
  readonly ledger: Ledger;
  /** Called with each answer to what it said, in the order of saying. */
  onReply: (code: string, signalId: string) => void = () => undefined;
  readonly #socket: WebSocket;
  /** Ids of what one device says are its own, over all its connections. */
  readonly #id = randomUUID().slice(0, 8);
  #said = 0;

  private constructor(socket: WebSocket, ledger: Ledger) {
    this.#socket = socket;
    this.ledger = ledger;
  }

  static async open({ url, ticket, json = false, tier = 'full' }: Opening): Promise<RoomClient> {
    const socket = new WebSocket(url, json ? jsonSubprotocol : binarySubprotocol, {
      perMessageDeflate: false,
    });
    const client = new RoomClient(socket, new Ledger(tier));
    const welcomed = Promise.withResolvers<void>();
    const settled = Promise.withResolvers<void>();
    socket.on('error', (error) => welcomed.reject(error));
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      const message = readServerMessage(isBinary ? data : data.toString());
      if (message?.type === 'welcome') welcomed.resolve();
      else if (message?.type === 'pong') settled.resolve();
      else if (message?.type === 'batch') client.ledger.take(message.batch);
      else if (message?.type === 'reply') client.onReply(message.code, message.signalId);
    });
    await once(socket, 'open');
    const kind = { platform: 'bench', version: 1, capabilities: [] };
    socket.send(JSON.stringify({ type: 'hello', ticket, client: kind } satisfies HelloMessage));
    await welcomed.promise;
    // What is sent is taken in its order: with the pong the health is known too.
    socket.send(JSON.stringify({ type: 'health', media: healths[tier] } satisfies ClientMessage));
    socket.send(JSON.stringify({ type: 'ping', atMs: 0 } satisfies ClientMessage));
    await settled.promise;
    return client;
  }

  say(signal: ClientSignal): void {
    this.#socket.send(JSON.stringify({ type: 'send', id: `${this.#id}-${++this.#said}`, signal }));
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}
