import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlvTagReader, type FlvTag } from '@gala/media/flv';

const fixture = join(import.meta.dirname, '..', '..', 'media', 'fixtures', 'h264-aac.flv');
const loopMs = 2_000;
const paceMs = 5;

/** The fixture's sequence headers, and one loop of its frames in order of time; no two frames are alike. */
const media = readMedia();

export interface FixtureOptions {
  /** Size of a NAL unit of filler at the end of each picture, to reach the bit rates of real broadcasts. */
  readonly fillerBytes?: number;
  /** So much is sent at once, as from a GOP cache. */
  readonly aheadMs?: number;
}

/** Sends two seconds of H.264 (25 pictures a second) and AAC over and over in real time, until it is disposed of. */
export class FixtureMedia implements Disposable {
  readonly #send: (tag: FlvTag) => void;
  readonly #startedAtMs: number;
  readonly #pacer: NodeJS.Timeout;
  readonly #tags: readonly FlvTag[];
  #loops = 0;
  #next = 0;

  constructor(send: (tag: FlvTag) => void, { fillerBytes = 0, aheadMs = 0 }: FixtureOptions = {}) {
    this.#send = send;
    this.#tags = fillerBytes > 0 ? media.tags.map((tag) => withFiller(tag, fillerBytes)) : media.tags;
    this.#startedAtMs = performance.now() - aheadMs;
    for (const header of media.headers) send({ ...header, timestampMs: 0 });
    this.#pacer = setInterval(() => this.#sendDue(), paceMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#pacer);
  }

  #sendDue(): void {
    const nowMs = performance.now() - this.#startedAtMs;
    for (;;) {
      const tag = this.#tags[this.#next];
      const timestampMs = this.#loops * loopMs + tag.timestampMs;
      if (timestampMs > nowMs) return;
      this.#send({ ...tag, timestampMs });
      this.#next = (this.#next + 1) % this.#tags.length;
      if (this.#next === 0) this.#loops++;
    }
  }
}

/** The picture with filler data behind it (NAL unit type 12, ITU-T H.264, 7.3.2.7). */
function withFiller(tag: FlvTag, fillerBytes: number): FlvTag {
  if (tag.type !== 'video') return tag;
  const filler = Buffer.alloc(4 + fillerBytes, 0xff);
  filler.writeUInt32BE(fillerBytes);
  filler[4] = 12;
  filler[filler.length - 1] = 0x80;
  return { ...tag, payload: Buffer.concat([tag.payload, filler]) };
}

/** Knows the frames of the fixture again, and counts those that do not come where their turn is. */
export class FixtureCheck {
  frames = 0;
  lost = 0;
  /** Frames that are not of the fixture. */
  foreign = 0;
  readonly #places = { audio: placesOf('audio'), video: placesOf('video') };
  readonly #next: { audio?: number; video?: number } = {};

  take({ type, payload }: FlvTag): void {
    if (type === 'data' || payload[1] === 0) return;
    const places = this.#places[type];
    const place = places.get(payload.toString('latin1'));
    if (place === undefined) {
      this.foreign++;
      return;
    }
    const missing = (place - (this.#next[type] ?? place) + places.size) % places.size;
    this.frames++;
    this.lost += missing;
    this.#next[type] = (place + 1) % places.size;
  }
}

function placesOf(type: 'audio' | 'video'): ReadonlyMap<string, number> {
  const frames = media.tags.filter((tag) => tag.type === type);
  return new Map(frames.map(({ payload }, place) => [payload.toString('latin1'), place]));
}

function readMedia(): { headers: FlvTag[]; tags: FlvTag[] } {
  const reader = new FlvTagReader();
  reader.append(readFileSync(fixture));
  const all: FlvTag[] = [];
  for (let tag = reader.next(); tag; tag = reader.next()) if (tag.type !== 'data') all.push(tag);
  const headers = all.filter(({ payload }) => payload[1] === 0);
  const tags = all.filter(({ payload, timestampMs }) => payload[1] === 1 && timestampMs < loopMs);
  return { headers, tags: tags.toSorted((a, b) => a.timestampMs - b.timestampMs) };
}
