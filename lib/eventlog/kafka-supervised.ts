import type { ConnectionPool } from '@platformatic/kafka';
import { within } from '../timing/index.ts';

/** What clients of all kinds have. */
interface Client {
  readonly connections: ConnectionPool;
  close(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export interface SupervisedOptions<Kind> {
  readonly make: () => Kind;
  /** A request without an answer by then has failed. */
  readonly answerMsMax: number;
  /** Called when a client is given up; the next request makes another. */
  readonly onDropped: () => void;
}

/**
 * One client of Kafka at a time, given up at its first failure: a new one has new connections and knows nothing that
 * is out of date. Repeating is the caller's, so the client repeats nothing, and no request waits longer than told.
 */
export class Supervised<Kind extends Client> implements Disposable {
  readonly #options: SupervisedOptions<Kind>;
  #client: Kind | undefined;
  #closed = false;

  constructor(options: SupervisedOptions<Kind>) {
    this.#options = options;
  }

  async ask<Answer>(work: (client: Kind) => Promise<Answer>): Promise<Answer> {
    if (this.#closed) throw new Error('the client is closed');
    const client = (this.#client ??= this.#make());
    try {
      const { answerMsMax } = this.#options;
      return await within(answerMsMax, work(client), () => {
        throw new Error(`no answer within ${answerMsMax} ms`);
      });
    } catch (error) {
      this.drop(client);
      throw error;
    }
  }

  /** Gives the client up, if it is still the one that is used. */
  drop(client = this.#client): void {
    if (!client || client !== this.#client) return;
    this.#client = undefined;
    if (!this.#closed) this.#options.onDropped();
    void client.close().catch(() => undefined);
    // A peer that is silent would keep what is closed politely open.
    for (const [, connection] of client.connections) connection.socket?.destroy();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.drop();
  }

  #make(): Kind {
    const client = this.#options.make();
    // What fails is heard from the request; an event without a listener would end the process.
    client.on('error', () => undefined);
    return client;
  }
}
