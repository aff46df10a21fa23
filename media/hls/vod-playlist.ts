/** A piece of a file that begins with a key frame. */
export interface VodSegment {
  offset: number;
  sizeBytes: number;
  durationMs: number;
}

/** One file: what it begins with, and its segments in order. */
export interface VodPart {
  uri: string;
  /** Bytes of the init segment at its start. */
  initBytes: number;
  /** Unix ms of its first picture. */
  wallMs: number;
  segments: readonly VodSegment[];
}

export interface VodOptions {
  /** More may follow: players load the playlist again. */
  isOpen: boolean;
  /** Appended to every address. */
  query?: string;
}

/**
 * A playlist over byte ranges of fragmented MP4 files (RFC 8216, 4.3.2.2), with a discontinuity where a file begins:
 * each is on a clock of its own.
 */
export function renderVodPlaylist(parts: readonly VodPart[], { isOpen, query }: VodOptions): string {
  const durations = parts.flatMap(({ segments }) => segments.map(({ durationMs }) => durationMs));
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    `#EXT-X-PLAYLIST-TYPE:${isOpen ? 'EVENT' : 'VOD'}`,
    `#EXT-X-TARGETDURATION:${Math.max(1, ...durations.map((ms) => Math.round(ms / 1000)))}`,
    '#EXT-X-INDEPENDENT-SEGMENTS',
    ...parts.flatMap((part, index) => partLines(part, index > 0, query)),
  ];
  if (!isOpen) lines.push('#EXT-X-ENDLIST');
  return `${lines.join('\n')}\n`;
}

function partLines(part: VodPart, isLater: boolean, query: string | undefined): string[] {
  const uri = query ? `${part.uri}?${query}` : part.uri;
  return [
    ...(isLater ? ['#EXT-X-DISCONTINUITY'] : []),
    `#EXT-X-MAP:URI="${uri}",BYTERANGE="${part.initBytes}@0"`,
    `#EXT-X-PROGRAM-DATE-TIME:${new Date(part.wallMs).toISOString()}`,
    ...part.segments.flatMap(({ durationMs, sizeBytes, offset }) => [
      `#EXTINF:${(durationMs / 1000).toFixed(3)},`,
      `#EXT-X-BYTERANGE:${sizeBytes}@${offset}`,
      uri,
    ]),
  ];
}
