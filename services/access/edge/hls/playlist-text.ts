import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { renderMediaPlaylist, type HlsState } from '@gala/media/hls';

const compress = promisify(gzip);

export interface PlaylistWanted {
  /** A delta update will do. */
  readonly skip: boolean;
  readonly gzip: boolean;
  /** Appended to every address; empty for a public room. */
  readonly query: string;
}

/** One media playlist as bytes, written once for each state for all players that may share it. */
export class PlaylistText {
  #state: HlsState | undefined;
  /** By whether it is a delta update and compressed: at most four. */
  readonly #shared = new Map<string, Promise<Buffer>>();

  of(state: HlsState, wanted: PlaylistWanted): Promise<Buffer> {
    // A signature is its player's own.
    if (wanted.query !== '') return encode(state, wanted);
    if (this.#state !== state) this.#shared.clear();
    this.#state = state;
    const key = `${wanted.skip} ${wanted.gzip}`;
    const known = this.#shared.get(key) ?? encode(state, wanted);
    this.#shared.set(key, known);
    return known;
  }
}

async function encode(state: HlsState, { skip, gzip: isCompressed, query }: PlaylistWanted): Promise<Buffer> {
  const text = Buffer.from(renderMediaPlaylist(state, { container: 'fmp4', skip, query }));
  return isCompressed ? compress(text) : text;
}
