import {
  parseMediaPlaylist,
  type ParsedPlaylist,
  type ParsedSegment,
} from '../../media/hls/parsed-playlist.ts';
import { PlaylistValidator } from '../../media/hls/validator.ts';
import type { SegmentInspector } from './hls-media.ts';

export interface FollowerOptions {
  /** Address of a multivariant playlist; its first variant is followed. */
  readonly url: string;
  readonly inspector: SegmentInspector;
}

/** Every so many reloads a whole playlist is asked for instead of a delta update. */
const reloadsPerWhole = 4;

/**
 * A player that asks for everything and believes nothing: it reloads as LL-HLS players do, holds each playlist
 * against RFC 8216bis, and looks into the bytes of every part and segment.
 */
export class HlsFollower {
  readonly issues: string[] = [];
  /** How long the newest listed media had been there at most when it was told of, by its date. */
  behindMsMax = 0;
  playlists = 0;
  deltas = 0;
  parts = 0;
  segments = 0;
  discontinuities = 0;
  readonly #options: FollowerOptions;
  readonly #validator = new PlaylistValidator();
  readonly #files = new Map<string, Buffer>();
  #mediaUrl = '';
  #map = '';
  #last: ParsedPlaylist | undefined;
  #lastSequence = -1;
  #isStopped = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** The newest playlist. */
  get playlist(): ParsedPlaylist | undefined {
    return this.#last;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Follows until it is stopped or the stream ends; what goes wrong is an issue. */
  async follow(): Promise<void> {
    try {
      await this.#follow();
    } catch (error) {
      if (!this.#isStopped) this.issues.push(String(error));
    }
  }

  async #follow(): Promise<void> {
    const text = await this.#text(this.#options.url);
    const [uri] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    this.#mediaUrl = new URL(uri, this.#options.url).href;
    let query = '';
    while (!this.#isStopped && this.#last?.ended !== true) {
      query = await this.#reload(query);
    }
  }

  /** One playlist, and all that is new in it; answers what to ask for next. */
  async #reload(query: string): Promise<string> {
    const text = await this.#text(this.#withQuery(query));
    this.issues.push(...this.#validator.add(text));
    const playlist = parseMediaPlaylist(text);
    this.playlists++;
    if (playlist.skipped > 0) this.deltas++;
    this.#last = playlist;
    const newest = playlist.segments.at(-1)!;
    this.#checkAsked(query, newest);
    this.behindMsMax = Math.max(this.behindMsMax, Date.now() - (newest.wallMs ?? 0) - newest.duration * 1000);
    for (const segment of playlist.segments) await this.#look(segment);
    const next = nextOf(newest, playlist.partTarget > 0);
    return this.playlists % reloadsPerWhole === 0 ? next : `${next}&_HLS_skip=YES`;
  }

  #checkAsked(query: string, { sequence, parts, uri }: ParsedSegment): void {
    const asked = new URLSearchParams(query);
    const wanted = Number(asked.get('_HLS_msn') ?? 0);
    const part = asked.get('_HLS_part');
    const has = sequence > wanted || uri !== undefined || (part !== null && parts.length > Number(part));
    if (query !== '' && (sequence < wanted || !has))
      this.issues.push(`${query} was answered before it was there`);
  }

  async #look(segment: ParsedSegment): Promise<void> {
    if (segment.sequence <= this.#lastSequence) return;
    if (segment.map !== '' && segment.map !== this.#map) {
      this.#map = segment.map;
      this.#options.inspector.init(await this.#file(segment.map));
    }
    for (const { uri, duration, independent } of segment.parts) {
      if (this.#files.has(uri)) continue;
      this.parts++;
      const bytes = await this.#file(uri);
      this.issues.push(
        ...this.#options.inspector.part(bytes, { duration, independent }).map((issue) => `${uri}: ${issue}`),
      );
    }
    if (segment.uri === undefined) return;
    this.#lastSequence = segment.sequence;
    this.segments++;
    if (segment.discontinuity) this.discontinuities++;
    const bytes = await this.#file(segment.uri);
    const joined = Buffer.concat(segment.parts.map(({ uri }) => this.#files.get(uri)!));
    if (segment.parts.length > 0 && !joined.equals(bytes))
      this.issues.push(`${segment.uri} is not its parts`);
    const found = this.#options.inspector.segment(bytes, segment);
    this.issues.push(...found.map((issue) => `${segment.uri}: ${issue}`));
    for (const { uri } of segment.parts) this.#files.delete(uri);
    this.#files.delete(segment.uri);
  }

  async #text(url: string): Promise<string> {
    const answer = await fetch(url);
    const { headers, status } = answer;
    if (status !== 200) throw new Error(`${url} answered ${status}: ${await answer.text()}`);
    if (headers.get('cache-control') !== 'no-cache') this.issues.push('a playlist may be cached');
    if (headers.get('content-type') !== 'application/vnd.apple.mpegurl') this.issues.push('another type');
    const isMedia = url !== this.#options.url;
    if (isMedia && headers.get('content-encoding') !== 'gzip')
      this.issues.push('a playlist is not compressed');
    return answer.text();
  }

  async #file(uri: string): Promise<Buffer> {
    const answer = await fetch(new URL(uri, this.#mediaUrl));
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (answer.status !== 200) throw new Error(`${uri} answered ${answer.status}`);
    const caching = answer.headers.get('cache-control') ?? '';
    if (!/max-age=\d{4,}, immutable/.test(caching)) this.issues.push(`${uri} is cached as "${caching}"`);
    this.#files.set(uri, bytes);
    return bytes;
  }

  #withQuery(query: string): string {
    const url = new URL(this.#mediaUrl);
    for (const [name, value] of new URLSearchParams(query)) url.searchParams.set(name, value);
    return url.href;
  }
}

/** The directives for what follows the newest segment, as it is listed. */
function nextOf({ sequence, parts, uri }: ParsedSegment, hasParts: boolean): string {
  if (!hasParts) return `_HLS_msn=${sequence + 1}`;
  return uri ? `_HLS_msn=${sequence + 1}&_HLS_part=0` : `_HLS_msn=${sequence}&_HLS_part=${parts.length}`;
}
