import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { CodedError } from '@gala/lib/error';
import { errorBody, rateKey, respondError, type RateLimiter } from '@gala/lib/http';
import {
  parseReload,
  reloadTimeLimitMs,
  renderMultivariantPlaylist,
  resolveReload,
  type ReloadRequest,
} from '@gala/media/hls';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { grantOf } from '@gala/protocol/play';
import { asCoded } from '../coded-error.ts';
import type { HlsConfig } from '../config.ts';
import type { EdgeEvents } from '../events.ts';
import type { PlayKeys } from '../play-keys.ts';
import { allowOrigin, preflightHeaders, type Play } from '../play.ts';
import type { Stream } from '../stream.ts';
import type { Renditions } from '../renditions/renditions.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import { foreignQuery, type ViewerGuard } from '../viewer-guard.ts';
import { linesOf, renditionVariants, soundFormOf, variantsOf } from './multivariant.ts';
import type { HlsOutput } from './output.ts';
import type { HlsOutputs } from './outputs.ts';
import { newPlayerToken, playerParameter, type HlsPlayers } from './players.ts';
import { rangeOf, sliceChunks } from './range.ts';
import { parseHlsUrl, type HlsAsked, type HlsTarget } from './request.ts';

export interface HlsDoorOptions {
  readonly config: HlsConfig;
  readonly lookup: StreamLookup;
  readonly outputs: HlsOutputs;
  readonly renditions: Pick<Renditions, 'offered'>;
  readonly players: HlsPlayers;
  readonly play: Play;
  readonly guard: ViewerGuard;
  readonly keys: PlayKeys;
  readonly events: EdgeEvents;
  /** Of the requests of one address. */
  readonly limiter: RateLimiter;
}

interface HlsCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: HlsTarget;
  /** Of the client itself. */
  readonly address: string;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** Appended to every address, so that it opens the room as well; empty for a public one. */
  readonly query: string;
}

interface Answer {
  readonly stream: Stream;
  readonly status?: number;
  readonly headers: OutgoingHttpHeaders;
  readonly chunks: readonly Buffer[];
}

type FileAsked = Extract<HlsAsked, { kind: 'file' }>;

/** How long a first playlist may be waited for. */
const firstPlaylistMs = 10_000;
const playlistHeaders = {
  'Content-Type': 'application/vnd.apple.mpegurl',
  'Cache-Control': 'no-cache',
  Vary: 'Accept-Encoding',
};
const immutable = 'max-age=86400, immutable';

/** The door of the players of HLS: playlists, init segments, segments and parts on `/live/…`. */
export class HlsDoor {
  readonly #options: HlsDoorOptions;

  constructor(options: HlsDoorOptions) {
    this.#options = options;
  }

  readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    this.serve(request, response, () => this.#options.play.requesterOf(request));
  };

  /** @param addressOf gives the address of the client itself, or throws if that may not play */
  serve(request: IncomingMessage, response: ServerResponse, addressOf: () => string): void {
    if (request.method === 'OPTIONS') {
      response.writeHead(204, preflightHeaders).end();
      return;
    }
    this.#answer(request, response, addressOf).catch((error: unknown) => this.#refuse(response, error));
  }

  async #answer(request: IncomingMessage, response: ServerResponse, addressOf: () => string): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new CodedError(commonErrors, 'METHOD_NOT_ALLOWED');
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const address = addressOf();
    this.#limit(rateKey(address));
    const target = parseHlsUrl(request.url ?? '');
    const query = await this.#verify(target);
    const call: HlsCall = { request, response, target, address, query, signal: gone.signal };
    const answer = await this.#answerOf(call);
    if (!gone.signal.aborted) this.#respond(call, answer);
  }

  #limit(address: string): void {
    const retryAfterSeconds = this.#options.limiter.take(address);
    if (retryAfterSeconds > 0) throw new CodedError(commonErrors, 'RATE_LIMITED', { retryAfterSeconds });
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
    return grantOf(target.query);
  }

  #answerOf(call: HlsCall): Promise<Answer> {
    const { asked } = call.target;
    if (asked.kind === 'file') return this.#file(call, asked);
    this.#options.events.counters.hlsPlaylists++;
    return asked.kind === 'playlist' ? this.#mediaPlaylist(call) : this.#multivariant(call);
  }

  async #multivariant({ target, query, signal }: HlsCall): Promise<Answer> {
    const { outputs, renditions } = this.#options;
    const output = this.#outputOf(target);
    await this.#playable(output, signal);
    const { stream, form } = output;
    const main = variantsOf(output, outputs.get(stream.key, soundFormOf(form)));
    const variants = [...main, ...renditionVariants(output, renditions.offered(stream, linesOf(output)))];
    // What the client wrote is for the hook, which is asked with the first media playlist.
    const added = new URLSearchParams(this.#options.guard.asks ? foreignQuery(target.query) : []);
    added.set(playerParameter, newPlayerToken());
    const text = renderMultivariantPlaylist({
      variants,
      query: query === '' ? `${added}` : `${query}&${added}`,
    });
    return { stream, headers: playlistHeaders, chunks: [Buffer.from(text)] };
  }

  async #mediaPlaylist(call: HlsCall): Promise<Answer> {
    const { target, address, signal } = call;
    const reload = parseReload(target.query);
    if (reload === 'bad') throw new CodedError(edgeErrors, 'RELOAD_INVALID');
    const output = this.#outputOf(target);
    const answer = async (): Promise<Answer> => {
      await this.#playable(output, signal);
      await this.#reload(output, reload, signal);
      return this.#playlistText(call, output, reload);
    };
    // Who still watches what is over is no viewer of the room any more.
    if (output.endedAtMs !== undefined || call.request.method === 'HEAD') return answer();
    const { stream } = output;
    const caller = { address, protocol: 'hls', query: target.query } as const;
    return this.#options.players.during({ stream, caller }, async (player) => {
      const answered = await answer();
      this.#options.players.keep(player, output.state.targetDurationSeconds);
      return answered;
    });
  }

  async #playlistText(
    { request, query }: HlsCall,
    output: HlsOutput,
    reload: ReloadRequest,
  ): Promise<Answer> {
    const isZipped = /\bgzip\b/.test(request.headers['accept-encoding']?.toString() ?? '');
    const siblings = this.#options.outputs.ofKey(output.stream.key);
    const skip = reload.skip === true;
    const text = await output.text.of(output.state, { skip, query, gzip: isZipped, siblings });
    const headers = isZipped ? { ...playlistHeaders, 'Content-Encoding': 'gzip' } : playlistHeaders;
    return { stream: output.stream, headers, chunks: [text] };
  }

  /** Waits until the playlist holds what is asked for. */
  async #reload(output: HlsOutput, reload: ReloadRequest, signal: AbortSignal): Promise<void> {
    const resolve = () => resolveReload(reload, output.state);
    if (resolve() === 'bad') throw new CodedError(edgeErrors, 'RELOAD_INVALID');
    const limitMs = reloadTimeLimitMs(output.state);
    await output.blocked.until({ isDue: () => resolve() !== 'wait', limitMs, signal });
  }

  async #file(call: HlsCall, { file, name }: FileAsked): Promise<Answer> {
    const { target, signal, query } = call;
    this.#options.events.counters.hlsFiles++;
    const output = this.#presentOf(target);
    if (!output) throw new CodedError(edgeErrors, 'SEGMENT_UNKNOWN');
    this.#checkWatching(call, output);
    output.touch();
    const isDue = (): boolean => output.read(file) !== 'wait';
    await output.blocked.until({ isDue, limitMs: reloadTimeLimitMs(output.state), signal });
    const chunks = output.read(file);
    if (!chunks || chunks === 'wait') throw new CodedError(edgeErrors, 'SEGMENT_UNKNOWN');
    const headers = {
      'Content-Type': output.form.fileType,
      'Cache-Control': `${query === '' ? 'public' : 'private'}, ${immutable}`,
      'Accept-Ranges': 'bytes',
      // A name never stands for other bytes.
      ETag: `"${name}"`,
    };
    return ranged(call.request, { stream: output.stream, headers, chunks });
  }

  /** Names of files can be guessed: where a hook decides, they are for those whom it let have the playlist. */
  #checkWatching({ address }: HlsCall, { stream, endedAtMs }: HlsOutput): void {
    const { guard, players } = this.#options;
    if (!guard.asks || endedAtMs !== undefined || players.isWatching(stream.roomId, address)) return;
    throw new CodedError(edgeErrors, 'HOOK_DENIED');
  }

  /** The output that a playlist is asked of; it begins if need be. */
  #outputOf(target: HlsTarget): HlsOutput {
    const stream = this.#options.lookup.present(target);
    const output = stream ? this.#options.outputs.of(stream, target.form) : this.#presentOf(target);
    if (!output) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    return output;
  }

  /** Resolves once an output has a playlist. */
  async #playable(output: HlsOutput, signal: AbortSignal): Promise<void> {
    output.touch();
    const isDue = (): boolean =>
      output.isPlayable || output.isUnsupported || output.isEmpty || output.endedAtMs !== undefined;
    await output.blocked.until({ isDue, limitMs: firstPlaylistMs, signal });
    if (output.isUnsupported) throw new CodedError(edgeErrors, 'CODEC_UNSUPPORTED');
    if (output.isPlayable) return;
    throw new CodedError(edgeErrors, output.isEmpty ? 'AUDIO_MISSING' : 'STREAM_UNKNOWN');
  }

  /** An output that has begun; its stream may be over. */
  #presentOf({ roomId, rendition, form }: HlsTarget): HlsOutput | undefined {
    if (roomId === undefined) return undefined;
    const key = rendition === undefined ? String(roomId) : `${roomId}_${rendition}`;
    return this.#options.outputs.get(key, form);
  }

  #respond({ request, response }: HlsCall, { status = 200, stream, headers, chunks }: Answer): void {
    const length = sizeOf(chunks);
    const size = status === 304 ? {} : { 'Content-Length': length };
    response.writeHead(status, { ...allowOrigin, ...size, ...headers });
    if (request.method === 'GET') {
      stream.players.bytesOut += length;
      this.#write(response, chunks);
    }
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
    const coded = asCoded(error);
    this.#options.events.hlsRefused(coded.code);
    if (response.headersSent || response.destroyed) response.destroy();
    else respondError(response, coded, allowOrigin);
  }
}

/** The part of a file that is asked for; nothing of one that the client has. */
function ranged(request: IncomingMessage, whole: Answer): Answer {
  const { headers, chunks } = whole;
  if (request.headers['if-none-match'] === headers.ETag) return { ...whole, status: 304, chunks: [] };
  const size = sizeOf(chunks);
  const range = request.method === 'GET' ? rangeOf(request, { size, etag: String(headers.ETag) }) : undefined;
  if (range === undefined) return whole;
  if (range === 'unsatisfiable') return { ...whole, ...unsatisfiable(size) };
  const contentRange = `bytes ${range.first}-${range.last}/${size}`;
  const partHeaders = { ...headers, 'Content-Range': contentRange };
  return { ...whole, status: 206, headers: partHeaders, chunks: sliceChunks(chunks, range) };
}

function unsatisfiable(size: number): Omit<Answer, 'stream'> {
  const body = JSON.stringify(errorBody(new CodedError(edgeErrors, 'RANGE_INVALID')));
  const headers = { 'Content-Type': 'application/json', 'Content-Range': `bytes */${size}` };
  return { status: 416, headers, chunks: [Buffer.from(body)] };
}

function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}
