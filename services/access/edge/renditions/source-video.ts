import { MediaError } from '@gala/media/error';
import { FlvUnitReader, Mp4Error, type VideoConfig } from '@gala/media/mp4';
import { payloadOf, type Tag } from '../tag.ts';

/** What the pictures of a source are, as far as they can be decoded here. */
export class SourceVideo {
  readonly known: Promise<void>;
  readonly markKnown: () => void;
  readonly #reader = new FlvUnitReader();
  #config: VideoConfig | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.known = promise;
    this.markKnown = resolve;
  }

  /** Undefined without pictures, and for a codec that no decoder here knows. */
  get config(): VideoConfig | undefined {
    return this.#config;
  }

  /** Lines of the shorter side; 0 without pictures. */
  get height(): number {
    return this.#config ? Math.min(this.#config.width, this.#config.height) : 0;
  }

  /** A tag that may tell it. */
  read(tag: Tag): void {
    // VP9 tells its size in key frames alone.
    const mayTell = tag.sequenceHeader || (tag.keyFrame && !this.#config);
    if (tag.kind !== 'video' || !mayTell) return;
    try {
      const { config } = this.#reader.read({ type: 'video', payload: payloadOf(tag) }, 0);
      if (config?.kind === 'video') this.#config = config;
    } catch (error) {
      if (!(error instanceof MediaError) && !(error instanceof Mp4Error)) throw error;
      this.#config = undefined;
    }
  }
}
