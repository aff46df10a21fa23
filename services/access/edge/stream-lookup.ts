import { CodedError } from '@gala/lib/error';
import { edgeErrors } from '@gala/protocol/errors';
import { splitRendition, type PlayTarget } from './play-request.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';

/** What a stream is asked for by: a room or a host, and the rung of its ladder if one is wanted. */
export type StreamRef = Pick<PlayTarget, 'roomId' | 'hostName' | 'rendition'>;

/** Brings in streams that are not here yet. */
export interface StreamSource {
  /**
   * The stream, present in `Streams` from then on; undefined when this source has none. Asked by every viewer that
   * waits, so one stream is brought in once for all of them.
   */
  open(ref: StreamRef): Promise<Stream | undefined>;
}

/** Where all doors find the stream that somebody wants to play: here, or from the first source that has it. */
export class StreamLookup {
  readonly #streams: Streams;
  readonly #sources: StreamSource[] = [];

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /** Sources are asked in the order in which they were added; those of whole streams come behind those of renditions. */
  addSource(source: StreamSource): void {
    this.#sources.push(source);
  }

  /** The stream, if it is here. */
  present({ roomId, hostName = '', rendition }: StreamRef): Stream | undefined {
    if (rendition !== undefined) return this.present({ roomId, hostName })?.renditions.get(rendition);
    if (roomId !== undefined) return this.#streams.get(roomId);
    const named = splitRendition(hostName);
    // A name may look like that of a rung: whose name it is comes first.
    return this.#streams.byName(hostName) ?? (named && this.present(named));
  }

  /** @throws CodedError STREAM_UNKNOWN, and what a source refuses with */
  async find(ref: StreamRef): Promise<Stream> {
    const present = this.present(ref);
    if (present) return present;
    for (const source of this.#sources) {
      const stream = await source.open(ref);
      if (stream) return stream;
    }
    throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
  }
}
