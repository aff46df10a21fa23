/** Pings of which the one with the smallest round trip counts: it was held up least on its way. */
const samplesMax = 8;

interface Sample {
  readonly roundTripMs: number;
  /** Server time minus the local monotonic time. */
  readonly differenceMs: number;
}

/** What time it is at the server (Cristian's algorithm). Local times are monotonic ones. */
export class ServerClock {
  #samples: Sample[] = [];

  /** The server said `serverMs` in answer to what was sent at `sentMs` and answered by `nowMs`. */
  pong(sentMs: number, serverMs: number, nowMs: number): void {
    const roundTripMs = Math.max(0, nowMs - sentMs);
    this.#samples.push({ roundTripMs, differenceMs: serverMs - (sentMs + roundTripMs / 2) });
    if (this.#samples.length > samplesMax) this.#samples.shift();
  }

  /** Undefined until the first answer. */
  nowMs(localMs: number): number | undefined {
    const best = this.#best();
    return best && localMs + best.differenceMs;
  }

  /** How wrong `nowMs` may be, either way. */
  get errorMsMax(): number | undefined {
    const best = this.#best();
    return best && best.roundTripMs / 2;
  }

  #best(): Sample | undefined {
    return this.#samples.reduce<Sample | undefined>(
      (best, sample) => (best && best.roundTripMs <= sample.roundTripMs ? best : sample),
      undefined,
    );
  }
}
