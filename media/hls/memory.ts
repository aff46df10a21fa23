import type { HlsEvents } from './muxer.ts';
import type { FileAnswer } from './file-names.ts';

/**
 * Keeps the bytes of one rendition in memory. Its bound is that of the timeline: what the window lists, what has
 * left it and may still be fetched, and the open segment.
 */
export class HlsMemory {
  readonly #inits = new Map<number, Buffer>();
  readonly #segments = new Map<number, Buffer[]>();
  /** Bytes held. */
  bytes = 0;

  apply(events: HlsEvents): void {
    for (const event of events) {
      if (event.type === 'init') {
        this.#inits.set(event.initId, event.bytes);
        this.bytes += event.bytes.length;
      } else if (event.type === 'part') this.#addPart(event.sequence, event.bytes);
      else if (event.type === 'expired') this.#expire(event.sequences, event.initIds);
    }
  }

  /** Bytes of a file, in the pieces they were made in; undefined if there are none. */
  read(answer: FileAnswer): readonly Buffer[] | undefined {
    if (answer.kind === 'init') {
      const bytes = this.#inits.get(answer.initId);
      return bytes && [bytes];
    }
    if (answer.kind !== 'ready') return undefined;
    const parts = this.#segments.get(answer.segment.sequence);
    return answer.partIndex === undefined ? parts : parts?.slice(answer.partIndex, answer.partIndex + 1);
  }

  #addPart(sequence: number, bytes: Buffer): void {
    const parts = this.#segments.get(sequence);
    if (parts) parts.push(bytes);
    else this.#segments.set(sequence, [bytes]);
    this.bytes += bytes.length;
  }

  #expire(sequences: readonly number[], initIds: readonly number[]): void {
    for (const sequence of sequences) {
      for (const { length } of this.#segments.get(sequence) ?? []) this.bytes -= length;
      this.#segments.delete(sequence);
    }
    for (const initId of initIds) {
      this.bytes -= this.#inits.get(initId)?.length ?? 0;
      this.#inits.delete(initId);
    }
  }
}
