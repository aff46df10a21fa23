import type { Way } from './support.ts';

/** A codec that cannot be played here, as people call it. */
export interface MissingCodec {
  readonly name: string;
  readonly kind: 'video' | 'audio';
}

/** Names by the sample entry that begins a codec string (RFC 6381). */
const names: Readonly<Record<string, MissingCodec>> = {
  avc1: { name: 'H.264', kind: 'video' },
  avc3: { name: 'H.264', kind: 'video' },
  hvc1: { name: 'HEVC', kind: 'video' },
  hev1: { name: 'HEVC', kind: 'video' },
  av01: { name: 'AV1', kind: 'video' },
  vp08: { name: 'VP8', kind: 'video' },
  vp09: { name: 'VP9', kind: 'video' },
  mp4a: { name: 'AAC', kind: 'audio' },
  opus: { name: 'Opus', kind: 'audio' },
  flac: { name: 'FLAC', kind: 'audio' },
  mp3: { name: 'MP3', kind: 'audio' },
  'ac-3': { name: 'AC-3', kind: 'audio' },
  'ec-3': { name: 'E-AC-3', kind: 'audio' },
};

/** What mpegts.js takes out of FLV; everything else can only come by HLS. */
const flvEntries: ReadonlySet<string> = new Set([
  'avc1',
  'hvc1',
  'hev1',
  'av01',
  'mp4a',
  'mp3',
  'opus',
  'flac',
]);

/** H.264 baseline with AAC: for an answer that does not say what the stream is. */
const probeType = 'video/mp4; codecs="avc1.42E01E,mp4a.40.2"';

export interface Playable {
  readonly player: Way['player'];
  /** As `video/mp4; codecs="…"`; undefined when the answer does not say. */
  readonly type: string | undefined;
  readonly canAppend: ((type: string) => boolean) | undefined;
  /** The pictures are left out. */
  readonly isSound: boolean;
}

/**
 * The codecs that keep a stream from being played; none when it can be. Without Media Source the browser itself
 * reads the playlist and decides.
 */
export function unplayable({ player, type = probeType, canAppend, isSound }: Playable): MissingCodec[] {
  if (player === 'native' || !canAppend) return [];
  const codecs = codecsOf(type).filter((codec) => !isSound || missingOf(codec).kind === 'audio');
  return codecs.filter((codec) => !canAppend(typeOf(codec)) || !carries(player, codec)).map(missingOf);
}

function carries(player: Way['player'], codec: string): boolean {
  return player === 'hls' || flvEntries.has(entryOf(codec));
}

function codecsOf(type: string): string[] {
  const list = /codecs="([^"]*)"/.exec(type)?.[1] ?? '';
  return list.split(',').flatMap((codec) => codec.trim() || []);
}

function typeOf(codec: string): string {
  return `${missingOf(codec).kind}/mp4; codecs="${codec}"`;
}

function entryOf(codec: string): string {
  return (codec.split('.')[0] ?? codec).toLowerCase();
}

function missingOf(codec: string): MissingCodec {
  return names[entryOf(codec)] ?? { name: codec, kind: 'video' };
}
