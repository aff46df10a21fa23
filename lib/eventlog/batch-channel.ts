import type { Batch } from './types.ts';

interface Offer {
  readonly batch: Batch;
  taken(): void;
}

/**
 * Where the readers of several partitions meet one consumer. Each reader has one batch here at most and waits until
 * it is taken, so what is read ahead is bounded and a slow consumer slows the reading.
 */
export class BatchChannel {
  readonly #offers = new Set<Offer>();
  #wake: () => void = () => undefined;

  /** True when the consumer has taken the batch, false when the signal has withdrawn it. */
  offer(batch: Batch, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (taken: boolean): void => {
        this.#offers.delete(offer);
        signal.removeEventListener('abort', withdraw);
        resolve(taken);
      };
      const withdraw = (): void => end(false);
      const offer: Offer = { batch, taken: () => end(true) };
      if (signal.aborted) return resolve(false);
      signal.addEventListener('abort', withdraw, { once: true });
      this.#offers.add(offer);
      this.#wake();
    });
  }

  /** Until the signal is aborted; a reader that offers first is served first. */
  async *take(signal: AbortSignal): AsyncGenerator<Batch> {
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (!signal.aborted) {
        const offer = this.#offers.values().next().value;
        if (offer) {
          offer.taken();
          yield offer.batch;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
