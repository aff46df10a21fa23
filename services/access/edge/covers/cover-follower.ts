import { MediaError } from '@gala/media/error';
import { FlvUnitReader, Mp4Error, type FlvUnit, type VideoConfig } from '@gala/media/mp4';
import type { CoverPicture } from '@gala/media-io/cover';
import type { StreamOutput } from '../stream.ts';
import { payloadOf, type Tag } from '../tag.ts';

export interface CoverFollowerOptions {
  readonly intervalMs: number;
  readonly nowMs: () => number;
  readonly onPicture: (picture: CoverPicture) => void;
}

/** Picks the key frames of a stream that become its cover: the first one, then one an interval. */
export class CoverFollower implements StreamOutput {
  readonly #options: CoverFollowerOptions;
  readonly #reader = new FlvUnitReader();
  #config: VideoConfig | undefined;
  #pickedAtMs = -Infinity;

  constructor(options: CoverFollowerOptions) {
    this.#options = options;
  }

  begin(tags: readonly Tag[]): void {
    for (const tag of tags) this.add(tag);
  }

  add(tag: Tag): void {
    if (tag.kind !== 'video' || !(tag.sequenceHeader || this.#isDue(tag))) return;
    const { config, unit } = this.#read(tag);
    if (config?.kind === 'video') this.#config = config;
    if (!unit?.keyFrame || !this.#config) return;
    this.#pickedAtMs = this.#options.nowMs();
    // A copy: the tag is shared with what viewers get, and a cover may wait for its turn.
    this.#options.onPicture({ config: this.#config, payload: Buffer.from(unit.payload) });
  }

  beginPublisher(): void {
    this.#pickedAtMs = -Infinity;
  }

  forget(): void {}

  end(): void {}

  #isDue({ keyFrame }: Tag): boolean {
    return keyFrame && this.#options.nowMs() - this.#pickedAtMs >= this.#options.intervalMs;
  }

  #read(tag: Tag): FlvUnit {
    try {
      return this.#reader.read({ type: 'video', payload: payloadOf(tag) }, tag.timestampMs);
    } catch (error) {
      if (!(error instanceof MediaError) && !(error instanceof Mp4Error)) throw error;
      return {};
    }
  }
}
