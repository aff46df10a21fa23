import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { CodedError, hasCode } from '../error/index.ts';
import { httpErrors } from './errors.ts';

/** Body of every error answer. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly detail?: string };
}

/** Answers with JSON; not cached unless `headers` say so. */
export function respondJson(
  response: ServerResponse,
  value: unknown,
  { status = 200, headers = {} }: { readonly status?: number; readonly headers?: OutgoingHttpHeaders } = {},
): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(body);
}

/** Answers with the code, status and `Retry-After` of the error. */
export function respondError(
  response: ServerResponse,
  error: CodedError,
  headers: OutgoingHttpHeaders = {},
): void {
  const { http: status, retryAfterSeconds } = error;
  const retry = retryAfterSeconds === undefined ? {} : { 'Retry-After': Math.ceil(retryAfterSeconds) };
  // What is left of a body that was refused is not read: it would only come to the end of its bound again.
  const close = status === 413 ? { Connection: 'close' } : {};
  respondJson(response, errorBody(error), { status, headers: { ...retry, ...close, ...headers } });
}

export function errorBody(error: CodedError): ErrorBody {
  const { code, detail } = error;
  if (detail === undefined) return { error: { code, message: error.message } };
  return { error: { code, message: error.message.slice(0, -`: ${detail}`.length), detail } };
}

/**
 * Reads a JSON body of at most `bytesMax` bytes.
 * @throws CodedError INVALID_REQUEST (other content type, no JSON, ended early) or BODY_TOO_LARGE.
 */
export async function readJson(
  request: IncomingMessage,
  { bytesMax }: { readonly bytesMax: number },
): Promise<unknown> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new CodedError(httpErrors, 'INVALID_REQUEST', {
      detail: 'the content type must be application/json',
    });
  }
  const body = await readBody(request, bytesMax);
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch (cause) {
    throw new CodedError(httpErrors, 'INVALID_REQUEST', { cause, detail: 'the body is no JSON' });
  }
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const tooLarge = (): CodedError =>
    new CodedError(httpErrors, 'BODY_TOO_LARGE', { detail: `at most ${bytesMax} bytes` });
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Leaving the loop must not destroy the request, or the answer could not be sent.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (cause) {
    if (hasCode(cause)) throw cause;
    throw new CodedError(httpErrors, 'INVALID_REQUEST', { cause, detail: 'the body ended early' });
  }
  return Buffer.concat(chunks);
}

const pagePolicy = {
  'default-src': "'self'",
  'object-src': "'none'",
  'base-uri': "'none'",
  'form-action': "'self'",
  'frame-ancestors': "'self'",
};

/** Security headers of HTML pages; `policy` adds to or replaces directives of the Content-Security-Policy. */
export function pageHeaders(policy: Readonly<Record<string, string>> = {}): Record<string, string> {
  const directives = Object.entries({ ...pagePolicy, ...policy }).map(([name, value]) => `${name} ${value}`);
  return {
    'Content-Security-Policy': directives.join('; '),
    'Referrer-Policy': 'strict-origin-when-cross-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
  };
}
