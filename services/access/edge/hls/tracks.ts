import { MediaError } from '@gala/media/error';
import { isPackable } from '@gala/media/hls';
import { FlvUnitReader, Mp4Error, type AccessUnit, type TrackConfig } from '@gala/media/mp4';
import { payloadOf, type Tag } from '../tag.ts';
import type { TrackKind } from '../timeline.ts';
import type { HlsForm } from './forms.ts';

/**
 * Reads units out of the tags of a stream, and says when the set-up of what follows is another. A form without
 * pictures reads them all the same: what begins anew, begins anew in all forms of a stream at one place.
 */
export class HlsTracks {
  readonly #form: HlsForm;
  readonly #reader = new FlvUnitReader();
  readonly #sent = new Set<TrackKind>();
  readonly #unsupported = new Set<TrackKind>();
  /** Kinds with set-up that the container has no form for. */
  readonly #unpackable = new Set<TrackKind>();
  /** What comes next does not continue what was: set-up has changed, or another publisher speaks. */
  isNew = true;
  /** Tags that cannot be parsed. */
  tagsDamaged = 0;

  constructor(form: HlsForm) {
    this.#form = form;
  }

  /** Set-up of the tracks that the publisher sends and this form carries. */
  get configs(): TrackConfig[] {
    return this.#reader.configs.filter(({ kind }) => this.#sent.has(kind) && this.carries(kind));
  }

  /** True while a track has a codec that this form cannot carry, or set-up that cannot be read. */
  get isUnsupported(): boolean {
    return this.#unsupported.size > 0 && [...this.#unsupported].some((kind) => this.carries(kind));
  }

  /** True for the kinds of track that this form is made of. */
  carries(kind: TrackKind): boolean {
    return kind === 'audio' || !this.#form.isAudioOnly;
  }

  /** The unit in a tag, if there is one. */
  read(tag: Tag): AccessUnit | undefined {
    const { kind, timestampMs, sequenceHeader } = tag;
    if (kind === 'data') return undefined;
    const unsupported = this.#reader.unsupportedTags;
    try {
      const { config, unit } = this.#reader.read({ type: kind, payload: payloadOf(tag) }, timestampMs);
      if (config) this.#notePackable(config);
      const isUnsupported = this.#reader.unsupportedTags > unsupported || this.#unpackable.has(kind);
      if (isUnsupported) this.#unsupported.add(kind);
      else if (config || unit) this.#unsupported.delete(kind);
      const isBack = !this.#sent.has(kind) && this.#reader.configs.some((known) => known.kind === kind);
      if (config || isBack) this.#begin(kind);
      return unit;
    } catch (error) {
      if (!(error instanceof MediaError) && !(error instanceof Mp4Error)) throw error;
      this.tagsDamaged++;
      if (sequenceHeader) this.#unsupported.add(kind);
      return undefined;
    }
  }

  /** True for the unit that an epoch may begin with. */
  isBeginning({ kind, keyFrame }: AccessUnit): boolean {
    return keyFrame && (kind === 'video' || !this.#sent.has('video'));
  }

  /** What was read cannot be packed after all. */
  refuse(): void {
    for (const kind of this.#sent) this.#unsupported.add(kind);
  }

  beginPublisher(): void {
    this.isNew = true;
    this.#unsupported.clear();
  }

  forget(kinds: readonly TrackKind[]): void {
    for (const kind of kinds) {
      this.#unsupported.delete(kind);
      if (this.#sent.delete(kind)) this.isNew = true;
    }
  }

  #notePackable(config: TrackConfig): void {
    if (isPackable(config, this.#form.container)) this.#unpackable.delete(config.kind);
    else this.#unpackable.add(config.kind);
  }

  #begin(kind: TrackKind): void {
    this.#sent.add(kind);
    this.isNew = true;
  }
}
