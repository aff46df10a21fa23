import { hasCode } from '@gala/lib/error';
import type { TestNode } from './testing-node.ts';

/**
 * A service that says control and money in one room, one after the other at a rate, each until it is acknowledged; and
 * keeps what was.
 */
export class DurablePublisher {
  readonly acknowledged: string[] = [];
  /** The longest that one took, and when (performance.now) the last one was acknowledged. */
  msMax = 0;
  refusals = 0;
  readonly #node: TestNode;
  readonly #roomId: number;
  readonly #perSecond: number;
  readonly #done: Promise<void>;
  #isStopped = false;

  constructor(node: TestNode, roomId: number, perSecond = 100) {
    this.#node = node;
    this.#roomId = roomId;
    this.#perSecond = perSecond;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  /** One after the other, so that their order is the order of the acknowledgements. */
  async #run(): Promise<void> {
    for (let number = 1; !this.#isStopped; number++) {
      const beganMs = performance.now();
      await this.#say(`n${number}`, number % 2 === 0 ? 'money' : 'control');
      const tookMs = performance.now() - beganMs;
      this.msMax = Math.max(this.msMax, tookMs);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1000 / this.#perSecond - tookMs)));
    }
  }

  async #say(name: string, signalClass: string): Promise<void> {
    const value = Buffer.from(JSON.stringify({ type: 'notice', class: signalClass, name, data: null }));
    const roomId = BigInt(this.#roomId);
    const request = { roomId, publishId: name, by: 'test', what: { case: 'signal', value } } as const;
    for (;;) {
      try {
        await this.#node.call(this.#roomId, (interaction, options) =>
          interaction.publish(request, { ...options, timeoutMs: 1500 }),
        );
        this.acknowledged.push(name);
        return;
      } catch (error) {
        if (!hasCode(error, 'SIGNALS_UNDURABLE')) throw error;
        this.refusals++;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}
