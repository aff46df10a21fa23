import type { Socket } from 'node:net';
import { encodeFlvHeader } from '@gala/media/flv';
import type { Stream, StreamOutput } from '../stream.ts';
import type { Tag } from '../tag.ts';
import type { RelayEvents } from './events.ts';
import { encodeNotice } from './notice.ts';

/** More than a GOP cache at its bound, which is what a feed begins with. */
const backlogBytesMax = 32 * 1024 * 1024;
const aliveMs = 1_000;

/**
 * A stream on its way to another edge: its tags as they are, those of one socket read of the publisher in one write,
 * and what the other edge has to know of the publisher. A feed whose reader falls behind is closed, and comes again.
 */
export class Feed implements StreamOutput {
  readonly #stream: Stream;
  readonly #socket: Socket;
  readonly #events: RelayEvents;
  readonly #alive: NodeJS.Timeout;
  #pending: Buffer[] = [];
  #hasWritten = false;

  constructor(stream: Stream, socket: Socket, events: RelayEvents) {
    this.#stream = stream;
    this.#socket = socket;
    this.#events = events;
    this.#alive = setInterval(() => this.#sayAlive(), aliveMs);
    socket.once('close', () => this.#close());
    this.#write([encodeFlvHeader({ hasAudio: true, hasVideo: true })]);
    stream.addOutput(this);
    // A stream that has not begun still says whose it is, so that viewers can wait for it there.
    if (this.#pending.length === 1) this.beginPublisher();
  }

  begin(tags: readonly Tag[]): void {
    this.#announce(tags.at(-1)?.timestampMs ?? 0);
    this.#write(tags.map(({ bytes }) => bytes));
  }

  add(tag: Tag): void {
    this.#write([tag.bytes]);
  }

  beginPublisher(): void {
    this.#announce(this.#stream.positionMs);
  }

  /** The other edge finds out by itself, in the same way. */
  forget(): void {}

  end(reason: string): void {
    this.#write([encodeNotice({ kind: 'end', reason }, this.#stream.positionMs)]);
    this.#flush();
    this.#socket.end();
  }

  /** Breaks off: the other edge looks for the owner again. */
  destroy(): void {
    this.#socket.destroy();
  }

  #announce(liveMs: number): void {
    const { identity, epoch, trace, positionMs } = this.#stream;
    const { roomId, hostName, isPrivate, holdMs } = identity;
    const traceparent = trace?.traceparent ?? '';
    const publisher = { roomId, hostName, isPrivate, holdMs, epoch, liveMs, traceparent };
    this.#write([encodeNotice({ kind: 'publisher', publisher }, positionMs)]);
  }

  #write(parts: readonly Buffer[]): void {
    if (this.#pending.length === 0) queueMicrotask(() => this.#flush());
    this.#pending.push(...parts);
    this.#hasWritten = true;
  }

  #flush(): void {
    if (this.#pending.length === 0 || this.#socket.destroyed) return;
    const bytes = this.#pending.length === 1 ? this.#pending[0] : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#events.counters.bytesOut += bytes.length;
    this.#socket.write(bytes);
    if (this.#socket.writableLength <= backlogBytesMax) return;
    this.#events.feedOverflown(this.#stream.roomId);
    this.destroy();
  }

  #sayAlive(): void {
    if (!this.#hasWritten) this.#write([encodeNotice({ kind: 'alive' }, this.#stream.positionMs)]);
    this.#hasWritten = false;
  }

  #close(): void {
    clearInterval(this.#alive);
    this.#pending = [];
    this.#stream.removeOutput(this);
  }
}
