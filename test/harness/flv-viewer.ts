import { get, type ClientRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { FlvTagReader, type FlvTag } from '@gala/media/flv';

/** One tag as it arrived. */
export interface Arrival {
  readonly atMs: number;
  readonly type: 'audio' | 'video' | 'data';
  readonly timestampMs: number;
  readonly isKeyFrame: boolean;
}

/** A raw HTTP-FLV viewer that notes when each tag came. */
export class FlvViewer implements AsyncDisposable {
  readonly arrivals: Arrival[] = [];
  /** True once the server has closed the stream. */
  isEnded = false;
  readonly #request: ClientRequest;
  readonly #reader = new FlvTagReader();

  readonly #onTag: ((tag: FlvTag) => void) | undefined;

  private constructor(request: ClientRequest, response: IncomingMessage, onTag?: (tag: FlvTag) => void) {
    this.#request = request;
    this.#onTag = onTag;
    response.on('data', (bytes: Buffer) => this.#take(bytes));
    response.on('error', () => undefined);
    response.on('close', () => (this.isEnded = true));
  }

  /** Resolves with the answer's head; throws on any status but 200. */
  static async open(url: string, onTag?: (tag: FlvTag) => void): Promise<FlvViewer> {
    const request = get(url, { agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) {
      request.destroy();
      throw new Error(`${url} answered ${response.statusCode}`);
    }
    request.on('error', () => undefined);
    return new FlvViewer(request, response, onTag);
  }

  get pictures(): Arrival[] {
    return this.arrivals.filter(({ type }) => type === 'video');
  }

  /** The longest time between two tags, from `sinceMs` (`performance.now()`) to now. */
  gapMsMax(sinceMs = this.arrivals[0]?.atMs ?? 0): number {
    const times = this.arrivals.map(({ atMs }) => atMs).filter((atMs) => atMs >= sinceMs);
    const all = [sinceMs, ...times, performance.now()];
    return Math.max(...all.slice(1).map((atMs, index) => atMs - all[index]));
  }

  /** Steps back in time within one track; there should be none. */
  get backwardSteps(): number {
    let steps = 0;
    const last = new Map<string, number>();
    for (const { type, timestampMs } of this.arrivals) {
      if (timestampMs < (last.get(type) ?? 0)) steps++;
      last.set(type, timestampMs);
    }
    return steps;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#request.destroy();
  }

  #take(bytes: Buffer): void {
    this.#reader.append(bytes);
    const atMs = performance.now();
    for (let tag = this.#reader.next(); tag; tag = this.#reader.next()) {
      const isKeyFrame = tag.type === 'video' && tag.payload[0] >> 4 === 1 && tag.payload[1] === 1;
      this.arrivals.push({ atMs, type: tag.type, timestampMs: tag.timestampMs, isKeyFrame });
      this.#onTag?.(tag);
    }
  }
}
