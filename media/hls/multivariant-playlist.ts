/** One rendition of a stream with its own media playlist. */
export interface Variant {
  readonly uri: string;
  /** Peak bits per second, sound included. */
  readonly bandwidth: number;
  readonly averageBandwidth?: number;
  /** RFC 6381 names, such as `avc1.64001f`. */
  readonly codecs: readonly string[];
  readonly width?: number;
  readonly height?: number;
  readonly framesPerSecond?: number;
  /** Group of `AudioRendition` that plays with it. */
  readonly audioGroup?: string;
}

/** Sound with its own media playlist. */
export interface AudioRendition {
  readonly group: string;
  readonly name: string;
  readonly uri: string;
  readonly isDefault: boolean;
  readonly channels?: number;
}

export interface Multivariant {
  /** In order of preference: players begin with the first. */
  readonly variants: readonly Variant[];
  readonly audio?: readonly AudioRendition[];
  /** Appended to every address; without the question mark. */
  readonly query?: string;
}

const VERSION = 6;

/** Writes a multivariant playlist (RFC 8216bis, 4.4.6). */
export function renderMultivariantPlaylist({ variants, audio = [], query }: Multivariant): string {
  const uriOf = (uri: string): string => (query ? `${uri}?${query}` : uri);
  const lines = ['#EXTM3U', `#EXT-X-VERSION:${VERSION}`, '#EXT-X-INDEPENDENT-SEGMENTS'];
  for (const rendition of audio) lines.push(`#EXT-X-MEDIA:${audioAttributes(rendition, uriOf)}`);
  for (const variant of variants) {
    lines.push(`#EXT-X-STREAM-INF:${variantAttributes(variant)}`, uriOf(variant.uri));
  }
  return `${lines.join('\n')}\n`;
}

function audioAttributes(rendition: AudioRendition, uriOf: (uri: string) => string): string {
  const { group, name, uri, isDefault, channels } = rendition;
  return [
    'TYPE=AUDIO',
    `GROUP-ID=${quoted(group)}`,
    `NAME=${quoted(name)}`,
    `DEFAULT=${isDefault ? 'YES' : 'NO'}`,
    'AUTOSELECT=YES',
    ...(channels ? [`CHANNELS="${channels}"`] : []),
    `URI=${quoted(uriOf(uri))}`,
  ].join(',');
}

function variantAttributes(variant: Variant): string {
  const { bandwidth, averageBandwidth, codecs, width, height, framesPerSecond, audioGroup } = variant;
  return [
    `BANDWIDTH=${Math.ceil(bandwidth)}`,
    ...(averageBandwidth ? [`AVERAGE-BANDWIDTH=${Math.ceil(averageBandwidth)}`] : []),
    `CODECS=${quoted(codecs.join(','))}`,
    ...(width && height ? [`RESOLUTION=${width}x${height}`] : []),
    ...(framesPerSecond ? [`FRAME-RATE=${framesPerSecond.toFixed(3)}`] : []),
    ...(audioGroup ? [`AUDIO=${quoted(audioGroup)}`] : []),
  ].join(',');
}

/** A quoted string cannot hold quotes or line ends, so they are left out. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\r\n]/g, '')}"`;
}
