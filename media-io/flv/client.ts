import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { CodedError, hasCode } from '@gala/lib/error';
import { MediaError } from '@gala/media/error';
import { FlvTagReader, type FlvTag } from '@gala/media/flv';
import { flvClientErrors } from './errors.ts';

export interface FlvClientOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Resolves the host, if not as ever. */
  readonly lookup?: LookupFunction;
  /** Ends the connection, also while it is being made. */
  readonly signal?: AbortSignal;
  /** Until the answer begins, and between any two pieces of it. */
  readonly silentMsMax?: number;
  /** Payloads are parts of what the socket gave: copy what is kept. A CodedError that it throws ends the stream. */
  onTag(tag: FlvTag): void;
  /** All tags of one socket read, of so many bytes, have been told. */
  onBatchEnd?(bytes: number): void;
}

/** An HTTP-FLV stream that is being read. Made by `connectFlv`. */
export class FlvClient implements Disposable {
  /** Of the answer. */
  readonly headers: IncomingHttpHeaders;
  /** Resolves with the reason when it is over: `FLV_CLOSED` without a cause when its end was orderly. */
  readonly closed: Promise<CodedError>;
  readonly #response: IncomingMessage;
  readonly #options: FlvClientOptions;
  readonly #reader = new FlvTagReader();
  #bytes = 0;

  constructor(response: IncomingMessage, options: FlvClientOptions) {
    this.headers = response.headers;
    this.#response = response;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<CodedError>();
    this.closed = promise;
    response.on('data', (bytes: Buffer) => this.#take(bytes));
    response.once('error', (error) => resolve(hasCode(error) ? error : fail('FLV_CLOSED', error)));
    response.once('close', () => resolve(fail('FLV_CLOSED')));
  }

  /** Bytes received. */
  get bytes(): number {
    return this.#bytes;
  }

  [Symbol.dispose](): void {
    this.#response.destroy();
  }

  #take(bytes: Buffer): void {
    this.#bytes += bytes.length;
    try {
      this.#reader.append(bytes);
      for (let tag = this.#reader.next(); tag !== undefined; tag = this.#reader.next()) {
        this.#options.onTag(tag);
      }
    } catch (error) {
      if (error instanceof MediaError) this.#response.destroy(fail('FLV_MALFORMED', error, error.code));
      else if (hasCode(error)) this.#response.destroy(error);
      else throw error;
    }
    this.#options.onBatchEnd?.(bytes.length);
  }
}

const silentMs = 10_000;

/**
 * Asks for an FLV stream and reads it from the first tag on. Redirects are refusals.
 * Errors: `FLV_URL_INVALID`, `FLV_UNREACHABLE`, `FLV_REFUSED` (the status as detail), `FLV_TIMEOUT`, `FLV_CLOSED` when
 * aborted; those of `lookup`.
 */
export async function connectFlv(url: string, options: FlvClientOptions): Promise<FlvClient> {
  const { headers, lookup, signal, silentMsMax = silentMs } = options;
  const target = URL.parse(url);
  if (target?.protocol !== 'http:' && target?.protocol !== 'https:') throw fail('FLV_URL_INVALID');
  const request = target.protocol === 'https:' ? requestHttps : requestHttp;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  // A connection of its own: what plays for hours is nothing for a pool.
  const asked = request(target, { agent: false, ...(headers && { headers }), ...(lookup && { lookup }) });
  let answer: IncomingMessage | undefined;
  // Who reads the answer hears of its end there.
  const cut = (code: 'FLV_CLOSED' | 'FLV_TIMEOUT'): void => void (answer ?? asked).destroy(fail(code));
  const abort = (): void => cut('FLV_CLOSED');
  signal?.addEventListener('abort', abort, { once: true });
  asked.once('close', () => signal?.removeEventListener('abort', abort));
  asked.setTimeout(silentMsMax, () => cut('FLV_TIMEOUT'));
  asked.once('response', resolve);
  asked.on('error', (error) => reject(hasCode(error) ? error : fail('FLV_UNREACHABLE', error)));
  asked.end();
  if (signal?.aborted) abort();
  answer = await promise;
  if (answer.statusCode === 200) return new FlvClient(answer, options);
  answer.on('error', () => undefined).destroy();
  throw fail('FLV_REFUSED', undefined, String(answer.statusCode));
}

function fail(code: keyof typeof flvClientErrors, cause?: unknown, detail?: string): CodedError {
  return new CodedError(flvClientErrors, code, { cause, ...(detail !== undefined && { detail }) });
}
