import { CodedError, hasCode } from '@gala/lib/error';
import { readJson, respondJson, type HttpListener } from '@gala/lib/http';
import type { Span } from '@gala/lib/trace';
import { protocolErrors } from '@gala/protocol/errors';
import { schemas, type Operation, type OperationName } from '@gala/protocol/rest';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import { checkAccess } from './access.ts';
import type { Call, Caller, Handlers, Reply } from './call.ts';
import { limitGroupOf, type Limits } from './limits.ts';
import { pageOf } from './page.ts';
import type { Parts } from './parts.ts';
import type { Match, Route, Router } from './router.ts';
import { callerOf, checkCsrf, credentialsOf, visitorOf } from './session.ts';

export interface ApiOptions {
  readonly parts: Parts;
  readonly handlers: Handlers;
  readonly router: Router<OperationName>;
  readonly limits: Limits;
  readonly observeSeconds: (seconds: number) => void;
}

/** What the listener knows of its clients, through trusted proxies. */
type Door = Pick<HttpListener, 'clientAddress' | 'origin'>;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Of the whole request. */
  readonly span: Span;
  readonly address: string;
  /** Scheme and host that the client used. */
  readonly origin: string;
}

/** The door of `/v1`: limits, who calls, what he may, the shapes of the table, then the handler. */
export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** The API on one listener, which answers the CodedErrors that the handler rejects with. */
  handlerOn(door: Door): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    return (request, response) => this.#handle(door, request, response);
  }

  async #handle(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { router, parts, observeSeconds } = this.#options;
    const beganMs = parts.clock.monotonicMs();
    const match = router.match(request.method ?? '', this.#pathOf(request));
    using span = this.#startSpan(request, match);
    try {
      const [address, origin] = [door.clientAddress(request), door.origin(request)];
      await this.#answer({ request, response, span, address, origin }, match);
    } catch (error) {
      const failure = this.#failure(match, error);
      // A refusal is an answer like others; kept whenever it happens is what is wrong on our side.
      if (failure.http >= 500) span.fail(failure);
      throw failure;
    } finally {
      observeSeconds((parts.clock.monotonicMs() - beganMs) / 1000);
    }
  }

  #startSpan({ headers: { traceparent } }: IncomingMessage, match: Match<OperationName>): Span {
    const name = match.kind === 'operation' ? match.route.name : match.kind;
    const parent = typeof traceparent === 'string' ? { parent: traceparent, isParentTrusted: false } : {};
    return this.#options.parts.tracer.start(name, parent);
  }

  async #answer(exchange: Exchange, match: Match<OperationName>): Promise<void> {
    const { request, response } = exchange;
    if (match.kind === 'operation') return this.#call(exchange, match.route, match.params);
    this.#options.limits.admitAddress('read', exchange.address);
    if (match.kind === 'unknown') throw new CodedError(protocolErrors, 'NOT_FOUND');
    response.setHeader('Allow', allowed(match.routes));
    if (request.method !== 'OPTIONS') throw new CodedError(protocolErrors, 'METHOD_NOT_ALLOWED');
    answerOptions(response, match.routes);
  }

  async #call(
    exchange: Exchange,
    route: Route<OperationName>,
    params: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { operation, name } = route;
    const { request, response, address } = exchange;
    if (isOpenToOrigins(operation)) response.setHeader('Access-Control-Allow-Origin', '*');
    const { limits, handlers } = this.#options;
    const group = limitGroupOf(name, operation);
    limits.admitAddress(group, address);
    const identity = this.#identity(exchange);
    if (operation.access !== 'anyone') {
      const caller = await identity.caller();
      if (caller.userId !== 0) limits.admitUser(group, caller.userId);
      checkCsrf(request, caller);
      checkAccess(operation, caller);
    }
    const call = { ...identity, ...(await this.#input(exchange, operation, params)), request };
    const handler = handlers[name] as (call: unknown) => Promise<Reply>;
    const reply = await handler({ ...call, clientAddress: address });
    answer(response, operation, reply);
  }

  /** Who calls, asked at most once a request. */
  #identity({ request, span }: Exchange): Pick<Call, 'caller' | 'visitor' | 'rpc'> {
    const { account, config } = this.#options.parts;
    const rpc = { traceparent: span.traceparent };
    const identification = { account, rpc, credentials: credentialsOf(request, config.cookie.name) };
    let caller: Promise<Caller> | undefined;
    return {
      rpc,
      caller: () => (caller ??= callerOf(identification)),
      visitor: () => visitorOf(identification),
    };
  }

  async #input(
    { request, origin }: Exchange,
    operation: Operation,
    params: Readonly<Record<string, string>>,
  ): Promise<Pick<Call, 'params' | 'query' | 'body' | 'page'>> {
    const { config } = this.#options.parts;
    return {
      page: pageOf(config.publicUrl ?? origin),
      params: checkedParams(params),
      query: checkedQuery(request, operation) as Call['query'],
      body: (await checkedBody(request, operation, config.bodyBytesMax)) as Call['body'],
    };
  }

  #pathOf({ url = '' }: IncomingMessage): string {
    const end = url.indexOf('?');
    return url.slice(this.#options.parts.config.basePath.length, end < 0 ? undefined : end);
  }

  /** Counts what is answered instead of the success; what is no refusal is logged, and INTERNAL to the client. */
  #failure(match: Match, error: unknown): CodedError {
    const { events } = this.#options.parts;
    if (hasCode(error, 'RATE_LIMITED')) events.rateLimited();
    else if (hasCode(error, 'UNAVAILABLE', 'DEADLINE_EXCEEDED')) events.partUnavailable();
    if (hasCode(error) && error.code !== 'INTERNAL') return error;
    events.requestFailed({ operation: match.kind === 'operation' ? match.route.name : match.kind, error });
    return new CodedError(protocolErrors, 'INTERNAL', { cause: error });
  }
}

function allowed(routes: readonly Route[]): string {
  const methods = routes.map((route) => route.operation.method);
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
}

/** Pages of any origin may read what anyone may; they send no cookies there, so nothing personal leaks. */
function isOpenToOrigins({ method, access }: Operation): boolean {
  return method === 'GET' && access === 'anyone';
}

function answerOptions(response: ServerResponse, routes: readonly Route[]): void {
  if (routes.some((route) => isOpenToOrigins(route.operation))) {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Allow-Methods', 'GET, HEAD');
    response.setHeader('Access-Control-Max-Age', '86400');
  }
  response.writeHead(204).end();
}

function answer(response: ServerResponse, operation: Operation, reply: Reply): void {
  const headers = {
    'Cache-Control': reply.cacheControl ?? 'no-store',
    ...(reply.setCookie && { 'Set-Cookie': reply.setCookie }),
  };
  if (operation.status === 204) response.writeHead(204, headers).end();
  else respondJson(response, reply.body, { status: operation.status, headers });
}

function checkedParams(params: Readonly<Record<string, string>>): Record<string, string> {
  const known: Readonly<Record<string, z.ZodType<string>>> = schemas.pathParameters;
  return Object.fromEntries(
    Object.entries(params).map(([name, text]) => [name, checked(known[name], decoded(text), name)]),
  );
}

function checkedQuery({ url = '' }: IncomingMessage, { query }: Operation): unknown {
  const at = url.indexOf('?');
  if (!query) return undefined;
  return checked(query, Object.fromEntries(new URLSearchParams(at < 0 ? '' : url.slice(at))), 'query');
}

/** A request without a body is an empty object, for operations whose fields are all optional. */
async function checkedBody(
  request: IncomingMessage,
  { body }: Operation,
  bytesMax: number,
): Promise<unknown> {
  if (!body) return undefined;
  const { headers } = request;
  const empty = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
  return checked(body, empty ? {} : await readJson(request, { bytesMax }), 'body');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new CodedError(protocolErrors, 'INVALID_REQUEST', { detail: 'percent encoding of the path' });
  }
}

/** The parsed value; INVALID_REQUEST that names the fields but repeats no value, which may be a secret. */
function checked<Value>(schema: z.ZodType<Value>, value: unknown, where: string): Value {
  const result = schema.safeParse(value);
  if (result.success && isText(result.data)) return result.data;
  if (result.success)
    throw new CodedError(protocolErrors, 'INVALID_REQUEST', { detail: `${where}: not Unicode text` });
  const issues = result.error.issues.slice(0, 5);
  const detail = issues.map(({ path, message }) => `${[where, ...path].join('.')}: ${message}`).join('; ');
  throw new CodedError(protocolErrors, 'INVALID_REQUEST', { detail });
}

/** False for a string with NUL or half a surrogate pair anywhere inside: neither PostgreSQL nor protobuf takes those. */
function isText(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed();
  return typeof value !== 'object' || value === null || Object.values(value).every(isText);
}
