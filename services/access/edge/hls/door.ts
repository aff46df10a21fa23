import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { CodedError } from '@gala/lib/error';
import { respondError } from '@gala/lib/http';
import {
  parseReload,
  reloadTimeLimitMs,
  renderMultivariantPlaylist,
  resolveReload,
  type HlsFile,
  type HlsSegment,
  type ReloadRequest,
} from '@gala/media/hls';
import { codecString } from '@gala/media/mp4';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import type { HlsConfig } from '../config.ts';
import type { EdgeEvents } from '../events.ts';
import type { PlayKeys } from '../play-keys.ts';
import { allowOrigin, preflightHeaders } from '../play.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { HlsOutput } from './output.ts';
import type { HlsOutputs } from './outputs.ts';
import { parseHlsUrl, playlistName, type HlsTarget } from './request.ts';

export interface HlsDoorOptions {
  readonly config: HlsConfig;
  readonly lookup: StreamLookup;
  readonly outputs: HlsOutputs;
  readonly keys: PlayKeys;
  readonly events: EdgeEvents;
}

interface HlsCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: HlsTarget;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** Appended to every address, so that it opens the room as well; empty for a public one. */
  readonly query: string;
}

interface Answer {
  readonly type: string;
  readonly headers: OutgoingHttpHeaders;
  readonly chunks: readonly Buffer[];
}

/** How long a first playlist may be waited for. */
const firstPlaylistMs = 10_000;
const playlistType = 'application/vnd.apple.mpegurl';
const fileType = 'video/mp4';
const noCache = { 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding' };
const immutable = 'max-age=86400, immutable';
/** What makes a play URL of a private room one. */
const grantNames = ['expires', 'kid', 'sig'];

/** The door of the players of HLS: playlists, init segments, segments and parts on `/live/…`. */
export class HlsDoor {
  readonly #options: HlsDoorOptions;

  constructor(options: HlsDoorOptions) {
    this.#options = options;
  }

  readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === 'OPTIONS') {
      response.writeHead(204, preflightHeaders).end();
      return;
    }
    this.#answer(request, response).catch((error: unknown) => this.#refuse(response, error));
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new CodedError(commonErrors, 'METHOD_NOT_ALLOWED');
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const target = parseHlsUrl(request.url ?? '');
    const query = await this.#verify(target);
    const call: HlsCall = { request, response, target, query, signal: gone.signal };
    const answer = await this.#answerOf(call);
    if (!gone.signal.aborted) this.#respond(call, answer);
  }

  /** The signature that the addresses of the answer shall carry. */
  async #verify(target: HlsTarget): Promise<string> {
    const { keys, lookup } = this.#options;
    const present = lookup.present(target) ?? this.#presentOf(target)?.stream;
    // A file is of a playlist that was given out here: it brings no stream in.
    if (!present && target.asked.kind === 'file') throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    const stream = present ?? (await lookup.find(target));
    if (!stream.identity.isPrivate) return '';
    await keys.verify(stream.roomId, target.query);
    return new URLSearchParams(grantNames.map((name) => [name, target.query.get(name) ?? ''])).toString();
  }

  #answerOf(call: HlsCall): Promise<Answer> {
    const { asked } = call.target;
    if (asked.kind === 'file') return this.#file(call, asked.file);
    this.#options.events.counters.hlsPlaylists++;
    return asked.kind === 'playlist' ? this.#mediaPlaylist(call) : this.#multivariant(call);
  }

  async #multivariant({ target, query, signal }: HlsCall): Promise<Answer> {
    const output = await this.#playable(target, signal);
    const { configs, state, stream } = output;
    const video = configs.find((config) => config.kind === 'video');
    const rates = state.segments.map(bitsPerSecond);
    const text = renderMultivariantPlaylist({
      variants: [
        {
          uri: `${stream.roomId}/${playlistName}`,
          bandwidth: Math.max(...rates),
          averageBandwidth: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
          codecs: configs.map(codecString),
          ...(video && { width: video.width, height: video.height }),
        },
      ],
      query,
    });
    return { type: playlistType, headers: noCache, chunks: [Buffer.from(text)] };
  }

  async #mediaPlaylist({ target, request, query, signal }: HlsCall): Promise<Answer> {
    const reload = parseReload(target.query);
    if (reload === 'bad') throw new CodedError(edgeErrors, 'RELOAD_INVALID');
    const output = await this.#playable(target, signal);
    await this.#reload(output, reload, signal);
    const isZipped = /\bgzip\b/.test(request.headers['accept-encoding']?.toString() ?? '');
    const skip = reload.skip === true;
    const text = await output.text.of(output.state, { skip, query, gzip: isZipped });
    const headers = isZipped ? { ...noCache, 'Content-Encoding': 'gzip' } : noCache;
    return { type: playlistType, headers, chunks: [text] };
  }

  /** Waits until the playlist holds what is asked for. */
  async #reload(output: HlsOutput, reload: ReloadRequest, signal: AbortSignal): Promise<void> {
    const resolve = () => resolveReload(reload, output.state);
    if (resolve() === 'bad') throw new CodedError(edgeErrors, 'RELOAD_INVALID');
    const limitMs = reloadTimeLimitMs(output.state);
    await output.blocked.until({ isDue: () => resolve() !== 'wait', limitMs, signal });
  }

  async #file({ target, signal, query }: HlsCall, file: HlsFile): Promise<Answer> {
    this.#options.events.counters.hlsFiles++;
    const output = this.#presentOf(target);
    if (!output) throw new CodedError(edgeErrors, 'SEGMENT_UNKNOWN');
    output.touch();
    const isDue = (): boolean => output.read(file) !== 'wait';
    await output.blocked.until({ isDue, limitMs: reloadTimeLimitMs(output.state), signal });
    const chunks = output.read(file);
    if (!chunks || chunks === 'wait') throw new CodedError(edgeErrors, 'SEGMENT_UNKNOWN');
    const scope = query === '' ? 'public' : 'private';
    return { type: fileType, headers: { 'Cache-Control': `${scope}, ${immutable}` }, chunks };
  }

  /** The output of a room once it has a playlist. */
  async #playable(target: HlsTarget, signal: AbortSignal): Promise<HlsOutput> {
    const stream = this.#options.lookup.present(target);
    const output = stream ? this.#options.outputs.of(stream) : this.#presentOf(target);
    if (!output) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    output.touch();
    const isDue = (): boolean => output.isPlayable || output.isUnsupported || output.endedAtMs !== undefined;
    await output.blocked.until({ isDue, limitMs: firstPlaylistMs, signal });
    if (output.isUnsupported) throw new CodedError(edgeErrors, 'CODEC_UNSUPPORTED');
    if (!output.isPlayable) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    return output;
  }

  /** An output that has begun; its stream may be over. */
  #presentOf({ roomId }: HlsTarget): HlsOutput | undefined {
    return roomId === undefined ? undefined : this.#options.outputs.get(roomId);
  }

  #respond({ request, response }: HlsCall, { type, headers, chunks }: Answer): void {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const head = { ...allowOrigin, 'Content-Type': type, 'Content-Length': length, ...headers };
    response.writeHead(200, head);
    if (request.method === 'GET') this.#write(response, chunks);
    response.end();
  }

  /** The bytes are shared by all players, and none may keep them in memory for long by not taking them. */
  #write(response: ServerResponse, chunks: readonly Buffer[]): void {
    const cut = setTimeout(() => {
      this.#options.events.counters.hlsAnswersCut++;
      response.destroy();
    }, this.#options.config.answerMs);
    response.once('close', () => clearTimeout(cut));
    response.cork();
    for (const chunk of chunks) response.write(chunk);
    response.uncork();
  }

  #refuse(response: ServerResponse, error: unknown): void {
    const coded =
      error instanceof CodedError ? error : new CodedError(commonErrors, 'INTERNAL', { cause: error });
    this.#options.events.hlsRefused(coded.code);
    if (response.headersSent || response.destroyed) response.destroy();
    else respondError(response, coded, allowOrigin);
  }
}

function bitsPerSecond({ sizeBytes, durationMs }: HlsSegment): number {
  return (sizeBytes * 8000) / durationMs;
}
