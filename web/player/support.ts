import type { PlayUrl } from '@gala/protocol/rest';
import { unplayable, type MissingCodec } from './codecs.ts';
import type { Latency } from './latency.ts';

/** What this player speaks; the answer lists more. */
export type Protocol = Exclude<PlayUrl['protocol'], 'rtmp'>;
export type FlvProtocol = Exclude<Protocol, 'll-hls'>;
export const protocols: readonly Protocol[] = ['ws-flv', 'http-flv', 'll-hls'];

/** The same in every language. */
export const protocolNames: Readonly<Record<Protocol, string>> = {
  'ws-flv': 'WebSocket-FLV',
  'http-flv': 'HTTP-FLV',
  'll-hls': 'LL-HLS',
};

/** The quality that has no picture; every other one is the name of a rendition. */
export const soundOnly = 'audio';

export interface PlayPreference {
  readonly latency: Latency;
  /** Only this one; undefined takes what the answer lists, in its order. */
  readonly protocol: Protocol | undefined;
  /** A rendition by its name, or `soundOnly`; undefined is what the host sends. */
  readonly quality: string | undefined;
}

export function parseProtocol(text: string | null): Protocol | undefined {
  return protocols.find((protocol) => protocol === text);
}

const qualityName = /^[\w-]{1,32}$/;

export function parseQuality(text: string | null): string | undefined {
  return text !== null && qualityName.test(text) ? text : undefined;
}

/** An address of the answer, and what plays it here: mpegts.js, hls.js, or the browser by itself. */
export interface Way {
  readonly protocol: Protocol;
  readonly player: 'flv' | 'hls' | 'native';
  readonly url: string;
}

/** What decides the choice, asked of the browser before any address is tried. */
export interface Browser {
  /** `https:` or `http:`. */
  readonly pageScheme: string;
  /** `MediaSource.isTypeSupported`; undefined without Media Source Extensions. */
  readonly canAppend: ((type: string) => boolean) | undefined;
  /** Plays a playlist that is put into a video element (iPhone before iOS 17.1). */
  readonly playsHls: boolean;
}

interface MediaSourceLike {
  isTypeSupported(type: string): boolean;
}

export function detectBrowser(scope: object = globalThis): Browser {
  const found = scope as { MediaSource?: MediaSourceLike; ManagedMediaSource?: MediaSourceLike };
  const source = found.MediaSource ?? found.ManagedMediaSource;
  return {
    pageScheme: location.protocol,
    canAppend: source && ((type) => source.isTypeSupported(type)),
    playsHls: document.createElement('video').canPlayType('application/vnd.apple.mpegurl') !== '',
  };
}

export interface WayPlan {
  /** In the order to try. */
  readonly ways: readonly Way[];
  /** Codecs that keep this browser from playing an address, each once. */
  readonly missing: readonly MissingCodec[];
}

/** The addresses to try: those that the page's scheme may load, with codecs that this browser plays. */
export function planWays(play: readonly PlayUrl[], preference: PlayPreference, browser: Browser): WayPlan {
  const missing = new Map<string, MissingCodec>();
  const ways: Way[] = [];
  for (const entry of ofQuality(play, preference.quality)) {
    const protocol = parseProtocol(entry.protocol);
    if (!protocol || (preference.protocol !== undefined && protocol !== preference.protocol)) continue;
    if (browser.pageScheme === 'https:' && !/^(wss|https):/.test(entry.url)) continue;
    const player = playerOf(protocol, browser);
    if (!player) continue;
    const isSound = preference.quality === soundOnly;
    const lacking = unplayable({ player, type: entry.mime, canAppend: browser.canAppend, isSound });
    for (const codec of lacking) missing.set(codec.name, codec);
    if (lacking.length === 0) ways.push({ protocol, player, url: wayUrl(entry.url, protocol, preference) });
  }
  return { ways, missing: [...missing.values()] };
}

function playerOf(protocol: Protocol, { canAppend, playsHls }: Browser): Way['player'] | undefined {
  if (canAppend) return protocol === 'll-hls' ? 'hls' : 'flv';
  return protocol === 'll-hls' && playsHls ? 'native' : undefined;
}

/** A rendition that is not there any more is played as the source. */
function ofQuality(play: readonly PlayUrl[], quality: string | undefined): PlayUrl[] {
  if (quality === soundOnly) return play.filter(({ rendition }) => rendition === undefined);
  const wanted = play.filter(({ rendition }) => rendition !== undefined && rendition === quality);
  return wanted.length > 0 ? wanted : play.filter(({ rendition }) => rendition === undefined);
}

/** Renditions of the answer by name, in its order. */
export function renditionsOf(play: readonly PlayUrl[]): string[] {
  return [...new Set(play.flatMap(({ rendition }) => rendition ?? []))];
}

function wayUrl(url: string, protocol: Protocol, { latency, quality }: PlayPreference): string {
  const address = new URL(url);
  if (protocol !== 'll-hls') address.searchParams.set('latency', latency);
  if (quality === soundOnly) address.searchParams.set('only', 'audio');
  return address.href;
}

/** The same stream at another edge: `base` is `scheme://host:port`; without it the address stays. */
export function rebase(url: string, base: string | undefined): string {
  if (base === undefined) return url;
  const address = new URL(url);
  const target = new URL(base);
  const isSocket = address.protocol.startsWith('ws');
  const isSecure = target.protocol === 'https:' || target.protocol === 'wss:';
  return `${isSocket ? 'ws' : 'http'}${isSecure ? 's' : ''}://${target.host}${address.pathname}${address.search}`;
}
