import type { PlayUrl } from '@gala/protocol/rest';
import type { Latency } from './latency.ts';

/** What this player speaks; the answer lists more. */
export type Protocol = Exclude<PlayUrl['protocol'], 'll-hls' | 'rtmp'>;
export type FlvUrl = PlayUrl & { readonly protocol: Protocol };
export const protocols: readonly Protocol[] = ['ws-flv', 'http-flv'];

export interface PlayPreference {
  readonly latency: Latency;
  /** Only this one; undefined takes what the answer lists, in its order. */
  readonly protocol: Protocol | undefined;
}

export function parseProtocol(text: string | null): Protocol | undefined {
  return protocols.find((protocol) => protocol === text);
}

/** H.264 baseline with AAC: every stream that Gala delivers as FLV can be played where this can. */
const probeType = 'video/mp4; codecs="avc1.42E01E,mp4a.40.2"';

interface MediaSourceLike {
  isTypeSupported(type: string): boolean;
}

/** Whether Media Source Extensions (or Safari's managed form, iOS 17.1) take what we would append. */
export function canPlayFlv(scope: object = globalThis): boolean {
  const found = scope as { MediaSource?: MediaSourceLike; ManagedMediaSource?: MediaSourceLike };
  return (found.MediaSource ?? found.ManagedMediaSource)?.isTypeSupported(probeType) === true;
}

/** The addresses to try, in order: those that the page's scheme may load, with the latency asked for. */
export function choosePlayUrls(
  play: readonly PlayUrl[],
  preference: PlayPreference,
  pageScheme: string,
): FlvUrl[] {
  return play
    .filter((entry): entry is FlvUrl => parseProtocol(entry.protocol) !== undefined)
    .filter(({ protocol }) => preference.protocol === undefined || protocol === preference.protocol)
    .filter(({ url }) => pageScheme !== 'https:' || /^(wss|https):/.test(url))
    .map((entry) => ({ ...entry, url: withLatency(entry.url, preference.latency) }));
}

function withLatency(url: string, latency: Latency): string {
  const address = new URL(url);
  address.searchParams.set('latency', latency);
  return address.href;
}
