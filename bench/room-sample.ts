/** Clients of Gala's rooms that check every batch, and those who say something and remember what was taken. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

import {
  binarySubprotocol,
  jsonSubprotocol,
  readServerMessage,
  signalClasses,
  type Batch,
  type ClientSignal,
  type HelloMessage,
  type SignalClass,
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

/** What one client was told, batch by batch. */
export class Ledger {
  readonly accounts = noAccounts();
  /** Batches in another tier than `full`. */
  lowered = 0;
  batches = 0;
  /** Batches that did not follow the one before, or say an offset again. */
  gaps = 0;
  /** Comments that were taken back, in the order in which that came. */
  readonly retracted: string[] = [];
  #to: number | undefined;

  take(batch: Batch): void {
    if (this.#to !== undefined && batch.from !== this.#to + 1) this.gaps++;
    this.#to = batch.to;
    this.batches++;
    if (batch.tier !== 'full') this.lowered++;
    for (const { class: name, offered, merged, shed } of batch.counts) {
      const account = this.accounts[name];
      account.offered += offered;
      account.merged += merged;
      account.shed += shed;
    }
    for (const signal of batch.signals) {
      this.accounts[signal.class].delivered++;
      if (signal.type === 'retract') this.retracted.push(signal.retracted);
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
}

/** One connection in a room; it is a member of it once `open` has resolved. */
export class RoomClient implements Disposable {
  readonly ledger = new Ledger();
  /** Called with each answer to what it said, in the order of saying. */
  onReply: (code: string, signalId: string) => void = () => undefined;
  readonly #socket: WebSocket;
  /** Ids of what one device says are its own, over all its connections. */
  readonly #id = randomUUID().slice(0, 8);
  #said = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open({ url, ticket, json = false }: Opening): Promise<RoomClient> {
    const socket = new WebSocket(url, json ? jsonSubprotocol : binarySubprotocol, {
      perMessageDeflate: false,
    });
    const client = new RoomClient(socket);
    const welcomed = Promise.withResolvers<void>();
    socket.on('error', (error) => welcomed.reject(error));
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      const message = readServerMessage(isBinary ? data : data.toString());
      if (message?.type === 'welcome') welcomed.resolve();
      else if (message?.type === 'batch') client.ledger.take(message.batch);
      else if (message?.type === 'reply') client.onReply(message.code, message.signalId);
    });
    await once(socket, 'open');
    const kind = { platform: 'bench', version: 1, capabilities: [] };
    socket.send(JSON.stringify({ type: 'hello', ticket, client: kind } satisfies HelloMessage));
    await welcomed.promise;
    return client;
  }

  say(signal: ClientSignal): void {
    this.#socket.send(JSON.stringify({ type: 'send', id: `${this.#id}-${++this.#said}`, signal }));
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}
