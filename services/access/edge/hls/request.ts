import { CodedError } from '@gala/lib/error';
import { parseFileName, type HlsFile } from '@gala/media/hls';
import { edgeErrors } from '@gala/protocol/errors';
import { parseId, roomIdMax } from '@gala/protocol/ids';

/** What an HLS URL asks for. */
export type HlsAsked =
  /** `/live/<roomId>.m3u8`, `/live/@<name>.m3u8`: which codecs there are, and where the media playlist is. */
  | { readonly kind: 'multivariant' }
  /** `/live/<roomId>/index.m3u8` */
  | { readonly kind: 'playlist' }
  /** `/live/<roomId>/segment-7.m4s` and others. */
  | { readonly kind: 'file'; readonly file: HlsFile };

export interface HlsTarget {
  /** Exactly one of the two is set. */
  readonly roomId: number | undefined;
  readonly hostName: string | undefined;
  readonly asked: HlsAsked;
  readonly query: URLSearchParams;
}

/** Name of the media playlist in the folder of its room. */
export const playlistName = 'index.m3u8';
const hlsPath = /^\/live\/(?:[^/]*\.m3u8$|[^/]*\/)/;
const multivariantPath = /^\/live\/(?:@([A-Za-z0-9][A-Za-z0-9._-]{2,31})|([0-9]{1,16}))\.m3u8$/;
const folderPath = /^\/live\/([0-9]{1,16})\/([^/]{1,64})$/;

/** True for the URLs below `/live` that are HLS, right or wrong. */
export function isHlsUrl(url: string): boolean {
  return hlsPath.test(url.split('?', 1)[0]);
}

/** @throws CodedError STREAM_UNKNOWN for a path that is none, SEGMENT_UNKNOWN for a file name that is none */
export function parseHlsUrl(url: string): HlsTarget {
  const [path] = url.split('?', 1);
  const query = new URLSearchParams(url.slice(path.length + 1));
  const multivariant = multivariantPath.exec(path);
  const folder = folderPath.exec(path);
  const digits = multivariant?.[2] ?? folder?.[1];
  const roomId = digits === undefined ? undefined : parseId(digits, roomIdMax);
  const hostName = multivariant?.[1];
  if (roomId === undefined && hostName === undefined) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
  return { roomId, hostName, asked: folder ? askedInFolder(folder[2]) : { kind: 'multivariant' }, query };
}

function askedInFolder(name: string): HlsAsked {
  if (name === playlistName) return { kind: 'playlist' };
  const file = parseFileName(name, 'fmp4');
  if (!file) throw new CodedError(edgeErrors, 'SEGMENT_UNKNOWN');
  return { kind: 'file', file };
}
