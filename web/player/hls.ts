import type Hls from 'hls.js';

export type HlsConstructor = typeof Hls;

/**
 * The HLS library, fetched when the first stream or replay needs it: a chunk of its own, as large as everything
 * else of a page. The light build leaves out subtitles, alternate sound tracks and DRM, which Gala does not send.
 */
export function loadHls(): Promise<HlsConstructor> {
  return import('hls.js/light').then(({ default: library }) => library);
}
