import { CodedError } from '@gala/lib/error';
import { pageHeaders, serveStatic, type RequestHandler } from '@gala/lib/http';
import { protocolErrors } from '@gala/protocol/errors';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { unbuiltPage, WebPageSource, type WebPage } from './web-page.ts';

/**
 * What a page may load: scripts of ours only, media, covers and signals from any edge (their addresses come from
 * `/v1`; a playlist may be the source of a video), blobs for Media Source and its worker, inline styles for
 * elements that the player moves.
 */
const policy = {
  'connect-src': "'self' ws: wss: http: https:",
  'media-src': "'self' blob: http: https:",
  'worker-src': "'self' blob:",
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data: http: https:",
  'base-uri': "'self'",
};
const headers = pageHeaders(policy);

export interface WebOptions {
  readonly webFolder: string;
  readonly basePath: string;
}

/** The web pages: files as they are, one HTML page for all addresses that the application routes itself. */
export class Web {
  readonly #page: WebPageSource;
  readonly #files: RequestHandler;
  readonly #basePath: string;

  constructor({ webFolder, basePath }: WebOptions) {
    this.#page = new WebPageSource(webFolder, basePath);
    this.#files = serveStatic(webFolder, { prefix: basePath, pageHeaders: headers });
    this.#basePath = basePath;
  }

  async isBuilt(): Promise<boolean> {
    return (await this.#page.get()) !== undefined;
  }

  readonly handle: RequestHandler = async (request, response) => {
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (!reads || !this.#isPage(request.url ?? '')) return this.#files(request, response);
    const page = await this.#page.get();
    if (page) sendPage(page, request, response);
    else sendUnbuilt(request, response);
  };

  /** Files have a dot in their last segment; `/@name` is a page though a name may have dots. */
  #isPage(url: string): boolean {
    const path = url.split('?', 1)[0].slice(this.#basePath.length);
    const last = path.slice(path.lastIndexOf('/') + 1);
    if (path === '/index.html' || /^\/(@|%40)/i.test(path)) return true;
    return !last.includes('.') && !path.startsWith('/assets/');
  }
}

/** Answers a page with its security headers; 304 when the browser has it. */
function sendPage({ html, etag }: WebPage, request: IncomingMessage, response: ServerResponse): void {
  const cached = { ...headers, ETag: etag, 'Cache-Control': 'no-cache' };
  if (request.headers['if-none-match']?.includes(etag)) {
    response.writeHead(304, cached).end();
    return;
  }
  const type = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': html.length };
  response.writeHead(200, { ...cached, ...type }).end(html);
}

function sendUnbuilt(request: IncomingMessage, response: ServerResponse): void {
  if (!request.headers.accept?.includes('text/html')) {
    throw new CodedError(protocolErrors, 'UNAVAILABLE', { detail: 'the web pages are not built' });
  }
  const type = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': unbuiltPage.length };
  response.writeHead(503, { ...headers, ...type, 'Cache-Control': 'no-store' }).end(unbuiltPage);
}
