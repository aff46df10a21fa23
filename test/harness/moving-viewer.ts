import { decodeAmf0 } from '@gala/media/amf';
import type { FlvTag } from '@gala/media/flv';
import { FlvViewer, type Arrival } from './flv-viewer.ts';

interface Move {
  readonly url?: string;
  readonly reason: string;
}

/** A player that follows `onGalaMove`: it joins at the address it is told, and leaves the old one with the first tag. */
export class MovingViewer implements AsyncDisposable {
  readonly moves: Move[] = [];
  /** Why it could not join where it was sent. */
  readonly failures: unknown[] = [];
  /** Everything seen, over all connections. */
  readonly arrivals: Arrival[] = [];
  #url: URL;
  #viewer: FlvViewer | undefined;
  #connections = 0;

  private constructor(url: string) {
    this.#url = new URL(url);
  }

  static async open(url: string): Promise<MovingViewer> {
    const viewer = new MovingViewer(url);
    await viewer.#join();
    return viewer;
  }

  get isEnded(): boolean {
    return this.#viewer?.isEnded ?? false;
  }

  get pictures(): Arrival[] {
    return this.arrivals.filter(({ type }) => type === 'video');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#viewer?.[Symbol.asyncDispose]();
  }

  async #join(): Promise<void> {
    const connection = ++this.#connections;
    const before = this.#viewer;
    const viewer = await FlvViewer.open(this.#url.href, (tag) => {
      if (connection === this.#connections) this.#take(tag);
      void before?.[Symbol.asyncDispose]();
    });
    this.#viewer = viewer;
  }

  #take({ type, timestampMs, payload }: FlvTag): void {
    const isKeyFrame = type === 'video' && payload[0] >> 4 === 1 && payload[1] === 1;
    this.arrivals.push({ atMs: performance.now(), type, timestampMs, isKeyFrame });
    if (type !== 'data') return;
    const [name, fields] = decodeAmf0(payload);
    if (name !== 'onGalaMove') return;
    const move = fields as unknown as Move;
    this.moves.push(move);
    if (move.url) this.#url = new URL(this.#url.pathname + this.#url.search, move.url);
    this.#join().catch((error: unknown) => this.failures.push(error));
  }
}
