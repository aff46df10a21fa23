import { playQuery, type PlayKey } from '@gala/protocol/play';
import type { PlayUrl, PublishTarget, Room, RoomMedia } from '@gala/protocol/rest';
import type { Page } from './page.ts';

/** Public addresses of the edges, as far as they are configured. */
export interface LiveAddresses {
  /** Base of `/live/<roomId>.flv`; by default the host name of the page with `livePort`. */
  readonly liveUrl?: string | undefined;
  readonly livePort: number;
  /** Server field of OBS, and base of `<roomId>` for RTMP players; by default the host name of the page with `rtmpPort`. */
  readonly rtmpUrl?: string | undefined;
  readonly rtmpPort: number;
  /** Absent when there is no RTMPS. */
  readonly rtmpsPort?: number | undefined;
}

export interface PlayOptions {
  readonly room: Room;
  readonly page: Page;
  readonly addresses: LiveAddresses;
  /** Signs the URLs of a private room until `expiresAtMs`. */
  readonly grant?: { readonly key: PlayKey; readonly expiresAtMs: number };
}

/** Codecs that HLS has a form for here, by the sample entry that begins their names. */
const hlsEntries = new Set(['avc1', 'hvc1', 'av01', 'vp09', 'mp4a', 'opus', 'flac', 'ac-3', 'ec-3']);

/**
 * Where to play, in the order to try: WS-FLV first, since browsers open six HTTP/1.1 connections an origin
 * and a seventh HTTP-FLV tab would hang; LL-HLS for players without FLV, if it can carry the codecs; RTMP last, which
 * only programs speak. Behind those of the stream itself come those of its renditions. A room that is not on air has none.
 */
export function playUrls(options: PlayOptions): PlayUrl[] {
  const { room } = options;
  if (room.state !== 'live' && room.state !== 'hold') return [];
  const { renditions = [] } = room;
  return [...streamUrls(options), ...renditions.flatMap((rendition) => renditionUrls(options, rendition))];
}

/** What is made of it is H.264 and AAC whatever the publisher sends. */
function renditionUrls(options: PlayOptions, rendition: string): PlayUrl[] {
  const { room } = options;
  const media = { video: 'avc1.4d401f', ...(room.media?.audio !== undefined && { audio: 'mp4a.40.2' }) };
  const urls = streamUrls({ ...options, room: { ...room, media } }, `_${rendition}`);
  return urls.map((url) => ({ ...url, rendition }));
}

function streamUrls({ room, page, addresses, grant }: PlayOptions, suffix = ''): PlayUrl[] {
  const query = grant ? `?${playQuery({ roomId: room.roomId, ...grant })}` : '';
  const live = `${liveBase(page, addresses)}/live/${room.roomId}${suffix}`;
  const flv = new URL(`${live}.flv${query}`).href;
  const hls = new URL(`${live}.m3u8${query}`).href;
  const ws = flv.replace(/^http/, 'ws');
  const expiry = grant && { expiresAtMs: grant.expiresAtMs };
  const codecs = Object.values(room.media ?? {});
  const said = { ...(codecs.length > 0 && { mime: mimeOf(room.media) }), ...expiry };
  const hlsCarries = codecs.every((codec) => hlsEntries.has(codec.split('.')[0]));
  return [
    { protocol: 'ws-flv', url: ws, ...said },
    { protocol: 'http-flv', url: flv, ...said },
    ...(hlsCarries ? [{ protocol: 'll-hls', url: hls, ...said } as const] : []),
    { protocol: 'rtmp', url: `${publishUrl(page, addresses)}/${room.roomId}${suffix}${query}`, ...expiry },
  ];
}

/** Players of all these put what they get into Media Source as MP4. */
function mimeOf({ video, audio }: RoomMedia = {}): string {
  const codecs = [video, audio].filter((codec) => codec !== undefined).join(',');
  return `${video === undefined ? 'audio' : 'video'}/mp4; codecs="${codecs}"`;
}

/** Where to publish and, with a room behind it, to play: `rtmp://<host>/live`, with the port when it is not 1935. */
function publishUrl(page: Page, { rtmpUrl, rtmpPort }: LiveAddresses): string {
  if (rtmpUrl) return rtmpUrl.replace(/\/+$/, '');
  return `rtmp://${page.hostname}${rtmpPort === 1935 ? '' : `:${rtmpPort}`}/live`;
}

/** A room of a public list, with the address of its picture while it is on air. */
export function withCover(room: Room, page: Page, addresses: LiveAddresses): Room {
  const hasCover = room.visibility === 'public' && (room.state === 'live' || room.state === 'hold');
  return hasCover ? { ...room, coverUrl: `${liveBase(page, addresses)}/live/${room.roomId}.jpg` } : room;
}

/** What an encoder is told: its server field, over RTMP and, where the edges have it, over RTMPS. */
export function publishTarget(page: Page, addresses: LiveAddresses): PublishTarget {
  const { rtmpsPort } = addresses;
  const rtmpUrl = publishUrl(page, addresses);
  if (rtmpsPort === undefined || addresses.rtmpUrl) return { rtmpUrl };
  return { rtmpUrl, rtmpsUrl: `rtmps://${page.hostname}${rtmpsPort === 443 ? '' : `:${rtmpsPort}`}/live` };
}

/** A page loaded by HTTPS gets HTTPS media, since browsers refuse anything else there. */
export function liveBase(page: Page, { liveUrl, livePort }: LiveAddresses): string {
  if (!liveUrl) return `${page.scheme}://${page.hostname}:${livePort}`;
  const base = liveUrl.replace(/\/+$/, '');
  return page.scheme === 'https' ? base.replace(/^http:/, 'https:') : base;
}
