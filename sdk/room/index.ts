import type { BodyOf, OperationName, QueryOf, ResponseOf, operations } from '@gala/protocol/rest';
import { ApiError, readApiError } from './api-error.ts';
import { planRequest, type Input, type PlannedRequest } from './request.ts';
import { routes } from './routes.ts';

export { ApiError, type ApiErrorCode, type ClientErrorCode } from './api-error.ts';

export interface RoomClientOptions {
  /** Address and base path of the gateway, e.g. `https://live.example.org/`. */
  readonly baseUrl: string;
  /** API token; without it the session cookie counts (browser). */
  readonly token?: string;
  readonly fetch?: typeof fetch;
  /** Time limit of one call, answer included. Default 10,000. */
  readonly timeoutMs?: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

type ParametersOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [Key in Name]: string | number } & ParametersOf<Rest>
  : unknown;
type QueryInput<Name extends OperationName> =
  QueryOf<Name> extends object ? { readonly [Key in keyof QueryOf<Name>]?: string | number } : unknown;
type BodyInput<Name extends OperationName> = BodyOf<Name> extends object ? Readonly<BodyOf<Name>> : unknown;

/** Path parameters, query and body fields of an operation in one object. */
export type InputOf<Name extends OperationName> = ParametersOf<(typeof operations)[Name]['path']> &
  QueryInput<Name> &
  BodyInput<Name>;
export type AnswerOf<Name extends OperationName> = ResponseOf<Name> extends object ? ResponseOf<Name> : void;

type Call<Name extends OperationName> =
  {} extends InputOf<Name>
    ? (input?: InputOf<Name>, options?: CallOptions) => Promise<AnswerOf<Name>>
    : (input: InputOf<Name>, options?: CallOptions) => Promise<AnswerOf<Name>>;

/** One method per operation of `/v1`; each rejects with an `ApiError` and nothing else. */
export type RoomClient = { readonly [Name in OperationName]: Call<Name> };

const timeoutMsDefault = 10_000;

/** A typed client of `/v1` for browsers and Node, on `fetch` alone. */
export function createRoomClient(options: RoomClientOptions): RoomClient {
  const connection = new Connection(options);
  const names = Object.keys(routes) as OperationName[];
  const methods = names.map((name) => [
    name,
    (input?: Input, call?: CallOptions) => connection.call(planRequest(name, input), call),
  ]);
  return Object.fromEntries(methods) as RoomClient;
}

class Connection {
  readonly #base: string;
  readonly #options: RoomClientOptions;
  /** Of the session that was last answered; sent with every change made on the cookie. */
  #csrfToken: string | undefined;

  constructor(options: RoomClientOptions) {
    this.#options = options;
    this.#base = options.baseUrl.endsWith('/') ? options.baseUrl : `${options.baseUrl}/`;
  }

  async call(request: PlannedRequest, options: CallOptions = {}): Promise<unknown> {
    const limit = AbortSignal.timeout(options.timeoutMs ?? this.#options.timeoutMs ?? timeoutMsDefault);
    const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
    try {
      return await this.#exchange(request, signal);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw nameFailure(error, options.signal?.aborted === true, limit.aborted);
    }
  }

  async #exchange(request: PlannedRequest, signal: AbortSignal): Promise<unknown> {
    const send = this.#options.fetch ?? fetch;
    const response = await send(new URL(request.path, this.#base), {
      method: request.method,
      headers: this.#headers(request),
      signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    if (!response.ok) throw await readApiError(response);
    if (response.status === 204) return undefined;
    const answer: unknown = await response.json();
    this.#keepCsrfToken(answer);
    return answer;
  }

  #headers(request: PlannedRequest): Record<string, string> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (request.body !== undefined) headers['content-type'] = 'application/json';
    if (this.#options.token !== undefined) headers['authorization'] = `Bearer ${this.#options.token}`;
    else if (request.method !== 'GET' && this.#csrfToken) headers['x-gala-csrf'] = this.#csrfToken;
    return headers;
  }

  #keepCsrfToken(answer: unknown): void {
    const token = (answer as { csrfToken?: unknown } | null)?.csrfToken;
    if (typeof token === 'string') this.#csrfToken = token;
  }
}

function nameFailure(cause: unknown, aborted: boolean, timedOut: boolean): ApiError {
  if (aborted) return new ApiError({ code: 'ABORTED', status: 0, message: 'the call was aborted', cause });
  if (timedOut) return new ApiError({ code: 'TIMEOUT', status: 0, message: 'no answer in time', cause });
  if (cause instanceof SyntaxError) {
    return new ApiError({ code: 'ANSWER_INVALID', status: 0, message: 'the answer is not JSON', cause });
  }
  return new ApiError({ code: 'NETWORK_LOST', status: 0, message: 'the server cannot be reached', cause });
}
