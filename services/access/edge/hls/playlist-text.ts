import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { renderMediaPlaylist, type HlsState, type RenditionReport } from '@gala/media/hls';
import type { HlsForm } from './forms.ts';
import { playlistName } from './request.ts';

const compress = promisify(gzip);

/** Another playlist of the same stream. */
export interface Sibling {
  readonly form: HlsForm;
  readonly state: HlsState;
  readonly isPlayable: boolean;
}

export interface PlaylistWanted {
  /** A delta update will do. */
  readonly skip: boolean;
  readonly gzip: boolean;
  /** Appended to every address; empty for a public room. */
  readonly query: string;
  /** What is cut of the stream, this one among it. */
  readonly siblings: readonly Sibling[];
}

/** One media playlist as bytes, written once for each state for all players that may share it. */
export class PlaylistText {
  readonly #form: HlsForm;
  #state: HlsState | undefined;
  /** By whether it is a delta update and compressed: at most four. */
  readonly #shared = new Map<string, Promise<Buffer>>();

  constructor(form: HlsForm) {
    this.#form = form;
  }

  of(state: HlsState, wanted: PlaylistWanted): Promise<Buffer> {
    // A signature is its player's own.
    if (wanted.query !== '') return this.#encode(state, wanted);
    if (this.#state !== state) this.#shared.clear();
    this.#state = state;
    const key = `${wanted.skip} ${wanted.gzip}`;
    const known = this.#shared.get(key) ?? this.#encode(state, wanted);
    this.#shared.set(key, known);
    return known;
  }

  async #encode(state: HlsState, wanted: PlaylistWanted): Promise<Buffer> {
    const { skip, query, siblings } = wanted;
    const { container } = this.#form;
    const renditionReports = this.#reports(siblings);
    const text = Buffer.from(renderMediaPlaylist(state, { container, skip, query, renditionReports }));
    return wanted.gzip ? compress(text) : text;
  }

  /** Where the other variants of the same multivariant playlist stand, as far as they are cut. */
  #reports(siblings: readonly Sibling[]): RenditionReport[] {
    const up = this.#form.folder === '' ? '' : '../';
    return siblings
      .filter(
        ({ form, isPlayable }) =>
          isPlayable && form !== this.#form && form.container === this.#form.container,
      )
      .map(({ form, state }) => ({ uri: `${up}${form.folder}${playlistName}`, state }));
  }
}
