import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { get, type ClientRequest, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { waitUntil } from '@gala/lib/lifecycle';
import { systemClock } from '@gala/lib/clock';
import { Histogram } from '@gala/lib/metrics';
import { FlvTagReader, type FlvTag } from '@gala/media/flv';
import type { Framing } from './payload.ts';
import type { Wanted } from './play-request.ts';
import type { Publisher } from './stream.ts';
import type { Tag } from './tag.ts';
import { Tally } from './tally.ts';
import { Viewer, type Latency, type ViewerLimits } from './viewer.ts';

let sequence = 0;

/** A tag for tests of what does not look into tags: random bytes of `size`, unique sequence. */
export function makeTag(traits: Partial<Omit<Tag, 'bytes'>> & { size?: number }): Tag {
  const { size = 64, ...rest } = traits;
  sequence++;
  return {
    kind: 'video',
    sequence,
    timestampMs: sequence,
    keyFrame: false,
    sequenceHeader: false,
    disposable: false,
    ...rest,
    bytes: randomFillSync(Buffer.alloc(size)),
  };
}

const nal = (...bytes: number[]): number[] => [0, 0, 0, bytes.length, ...bytes];

/** Bodies of RTMP messages as encoders send them, H.264 and AAC; `mark` makes each one of a kind. */
export const bodies = {
  metadata: Buffer.from('02000a6f6e4d65746144617461030000 09'.replace(' ', ''), 'hex'),
  videoHeader: (mark = 0) =>
    Buffer.from([0x17, 0, 0, 0, 0, 1, 100, 0, 30, 0xff, 0xe1, 0, 2, 0x67, mark, 1, 0, 2, 0x68, mark]),
  keyFrame: (mark = 0) => Buffer.from([0x17, 1, 0, 0, 0, ...nal(0x65, mark)]),
  interFrame: (mark = 0) => Buffer.from([0x27, 1, 0, 0, 0, ...nal(0x41, mark)]),
  disposableFrame: (mark = 0) => Buffer.from([0x27, 1, 0, 0, 0, ...nal(0x01, mark)]),
  /** AAC-LC, 44.1 kHz, stereo. */
  audioHeader: Buffer.from([0xaf, 0, 0x12, 0x10]),
  audioFrame: (mark = 0) => Buffer.from([0xaf, 1, 0x21, mark]),
};

const limits: ViewerLimits = {
  disposableBytes: 256 * 1024,
  pictureBytes: 512 * 1024,
  stopBytes: 1024 * 1024,
  evictMs: 10_000,
  drainMs: 2000,
};

export interface TestViewerOptions {
  readonly limits?: ViewerLimits;
  readonly latency?: Latency;
  readonly wanted?: Wanted;
  readonly framing?: Framing;
  /** Takes nothing: what is written stays in the socket. */
  readonly stalled?: boolean;
}

/** A viewer on a stream that keeps what is written; `received` gives the bytes since the last call. */
export function makeViewer(options: TestViewerOptions = {}) {
  let chunks: Buffer[] = [];
  const write = (chunk: Buffer, _encoding: unknown, done: () => void): void => {
    chunks.push(chunk);
    if (!options.stalled) done();
  };
  const socket = new Duplex({ read: () => undefined, write });
  const counters = { disposableShed: 0, picturesShed: 0, batchesShed: 0, viewersEvicted: 0 };
  const { framing = 'flv', latency = 'low', wanted } = options;
  const viewerLimits = options.limits ?? limits;
  const tally = new Tally({
    clock: systemClock,
    counters,
    joinSeconds: new Histogram(),
    countsPlays: () => true,
  });
  const given = { remoteAddress: '', joinedAtMs: 0, askedAtMs: 0, limits: viewerLimits, tally };
  const viewer = new Viewer({ socket, framing, latency, wanted, ...given });
  const received = (): Buffer => {
    const bytes = Buffer.concat(chunks);
    chunks = [];
    return bytes;
  };
  return { viewer, socket, counters, received };
}

/** A publisher that notes with which status it was closed. */
export class TestPublisher implements Publisher {
  readonly remoteAddress = '192.0.2.1';
  closedWith: string | undefined;

  close(status: string): void {
    this.closedWith = status;
  }
}

/** Reads FLV as it comes, in any pieces. */
export class FlvReading {
  readonly #reader = new FlvTagReader();

  get header() {
    return this.#reader.header;
  }

  /** Tags that `bytes` completes, their payloads copied. */
  read(bytes: Buffer): FlvTag[] {
    this.#reader.append(bytes);
    const tags: FlvTag[] = [];
    for (let tag = this.#reader.next(); tag; tag = this.#reader.next()) {
      tags.push({ ...tag, payload: Buffer.from(tag.payload) });
    }
    return tags;
  }
}

/** An HTTP-FLV viewer over a real connection; `tags` are all that it has got so far. */
export class LiveFlv implements Disposable {
  readonly status: number;
  readonly tags: FlvTag[] = [];
  /** The server has closed the stream. */
  isEnded = false;
  readonly #request: ClientRequest;

  private constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request;
    this.status = response.statusCode ?? 0;
    const reading = new FlvReading();
    response.on('data', (bytes: Buffer) => {
      if (this.status === 200) this.tags.push(...reading.read(bytes));
    });
    response.on('error', () => undefined);
    response.on('close', () => (this.isEnded = true));
  }

  static async open(port: number, path = '@anna.flv?latency=realtime'): Promise<LiveFlv> {
    const request = get({ port, path: `/live/${path}`, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    request.on('error', () => undefined);
    return new LiveFlv(request, response);
  }

  /** Steps back in time within a track. */
  get backwardSteps(): number {
    const last = new Map<string, number>();
    let steps = 0;
    for (const { type, timestampMs } of this.tags) {
      if (timestampMs < (last.get(type) ?? 0)) steps++;
      last.set(type, timestampMs);
    }
    return steps;
  }

  has(payload: Buffer): boolean {
    return this.tags.some((tag) => tag.payload.equals(payload));
  }

  /** Waits until a tag of this payload has come. */
  sees(payload: Buffer): Promise<boolean> {
    return waitUntil(() => this.has(payload), { timeoutMs: 8_000, what: payload.toString('hex') });
  }

  [Symbol.dispose](): void {
    this.#request.destroy();
  }
}
