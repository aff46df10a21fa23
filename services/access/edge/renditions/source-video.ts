import { MediaError } from '@gala/media/error';
import { FlvUnitReader, Mp4Error, type VideoConfig } from '@gala/media/mp4';
import { payloadOf, type Tag } from '../tag.ts';

/** What the pictures of a source are, as far as they can be decoded here. */
export class SourceVideo {
  readonly known: Promise<void>;
  readonly markKnown: () => void;
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
    if (tag.kind !== 'video') return;
    try {
      const { config } = new FlvUnitReader().read({ type: 'video', payload: payloadOf(tag) }, 0);
      this.#config = config?.kind === 'video' ? config : undefined;
    } catch (error) {
      if (!(error instanceof MediaError) && !(error instanceof Mp4Error)) throw error;
      this.#config = undefined;
    }
  }
}
