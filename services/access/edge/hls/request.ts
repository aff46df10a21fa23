import { CodedError } from '@gala/lib/error';
import { parseFileName, type HlsFile } from '@gala/media/hls';
import { edgeErrors } from '@gala/protocol/errors';
import { parseId, roomIdMax } from '@gala/protocol/ids';
import { parseWanted } from '../play-request.ts';
import { formOf, hlsForms, type HlsForm } from './forms.ts';

/** What an HLS URL asks for. */
export type HlsAsked =
  /**
   * `/live/<roomId>.m3u8`, `/live/@<name>.m3u8`: which codecs there are, and where the media playlists are.
   * `?container=ts` names those of MPEG-TS, `?only=audio` those without pictures.
   */
  | { readonly kind: 'multivariant' }
  /** `/live/<roomId>/index.m3u8`, of a rung `/live/<roomId>_540p/index.m3u8` */
  | { readonly kind: 'playlist' }
  /** `/live/<roomId>/segment-7.m4s` and others. */
  | { readonly kind: 'file'; readonly file: HlsFile; readonly name: string };

export interface HlsTarget {
  /** Exactly one of the two is set. */
  readonly roomId: number | undefined;
  readonly hostName: string | undefined;
  /** As `PlayTarget` has it. */
  readonly rendition: string | undefined;
  readonly form: HlsForm;
  readonly asked: HlsAsked;
  readonly query: URLSearchParams;
}

/** Name of the media playlist in its folder. */
export const playlistName = 'index.m3u8';
const hlsPath = /^\/live\/(?:[^/]*\.m3u8$|[^/]*\/)/;
const multivariantPath =
  /^\/live\/(?:@([A-Za-z0-9][A-Za-z0-9._-]{2,37})|([0-9]{1,16})(?:_([0-9]{3,4}p|audio))?)\.m3u8$/;
const folderPath = /^\/live\/([0-9]{1,16})(?:_([0-9]{3,4}p|audio))?\/((?:[a-z0-9-]{1,16}\/)?)([^/]{1,64})$/;

/** True for the URLs below `/live` that are HLS, right or wrong. */
export function isHlsUrl(url: string): boolean {
  return hlsPath.test(url.split('?', 1)[0]);
}

/**
 * @throws CodedError STREAM_UNKNOWN for a path that is none, SEGMENT_UNKNOWN for a file name that is none,
 * VARIANT_INVALID
 */
export function parseHlsUrl(url: string): HlsTarget {
  const [path] = url.split('?', 1);
  const query = new URLSearchParams(url.slice(path.length + 1));
  const multivariant = multivariantPath.exec(path);
  if (multivariant) {
    const [, hostName, digits, rendition] = multivariant;
    const ref = refOf(digits, hostName);
    return { ...ref, rendition, form: formAsked(query), asked: { kind: 'multivariant' }, query };
  }
  const [, digits, rendition, folder, name] = folderPath.exec(path) ?? [];
  const ref = refOf(digits);
  const form = Object.values(hlsForms).find((each) => each.folder === folder);
  if (!form) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
  return { ...ref, rendition, form, asked: askedInFolder(name, form), query };
}

function refOf(digits: string | undefined, hostName?: string): Pick<HlsTarget, 'roomId' | 'hostName'> {
  const roomId = digits === undefined ? undefined : parseId(digits, roomIdMax);
  if (roomId === undefined && hostName === undefined) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
  return { roomId, hostName };
}

function formAsked(query: URLSearchParams): HlsForm {
  const container = query.get('container') ?? 'fmp4';
  if (container !== 'fmp4' && container !== 'ts') {
    throw new CodedError(edgeErrors, 'VARIANT_INVALID');
  }
  return formOf({
    container: container === 'ts' ? 'mpegts' : 'fmp4',
    isAudioOnly: parseWanted(query) === 'audio',
  });
}

function askedInFolder(name: string, { container }: HlsForm): HlsAsked {
  if (name === playlistName) return { kind: 'playlist' };
  const file = parseFileName(name, container);
  if (!file) throw new CodedError(edgeErrors, 'SEGMENT_UNKNOWN');
  return { kind: 'file', file, name };
}
