import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { CodedError } from '../error/index.ts';
import { pageHeaders } from './answer.ts';
import { httpErrors } from './errors.ts';
import type { RequestHandler } from './types.ts';

export interface StaticOptions {
  /** Path under which the folder is mounted, cut off before the look-up: `/gala`. */
  readonly prefix?: string;
  /** Page that answers paths without a file, for applications that route in the browser: `index.html`. */
  readonly fallback?: string;
  /** Headers of HTML pages, from `pageHeaders`. */
  readonly pageHeaders?: Readonly<Record<string, string>>;
  /** Memory for files and their compressed forms, in bytes; beyond, the least used are forgotten. */
  readonly cacheBytesMax?: number;
  /** Larger files are not served. */
  readonly fileBytesMax?: number;
}

type Encoding = 'br' | 'gzip' | 'identity';

interface CachedFile {
  readonly version: string;
  readonly etag: string;
  readonly type: string;
  readonly bodies: Readonly<Record<Encoding, Buffer | undefined>>;
  readonly bytes: number;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};
const compressible = /^(text\/|application\/(json|manifest\+json|wasm)|image\/svg)/;
const compressBytesMin = 1024;

/**
 * Serves the files of a folder: compressed once and kept in memory, with ETag; what lies under `/assets/` carries
 * a hash in its name and is cached for good. Hidden files and whatever leads out of the folder are not found.
 */
export function serveStatic(folder: string, options: StaticOptions = {}): RequestHandler {
  const files = new FileCache(folder, options);
  const { prefix = '', fallback } = options;
  const headersOfPages = options.pageHeaders ?? pageHeaders();
  return async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      throw new CodedError(httpErrors, 'METHOD_NOT_ALLOWED');
    }
    const path = pathOf(request.url ?? '/', prefix);
    const wantsPage = fallback !== undefined && (request.headers.accept ?? '').includes('text/html');
    const found = path === undefined ? undefined : await files.get(path);
    const file = found ?? (wantsPage && !path?.startsWith('assets/') ? await files.get(fallback) : undefined);
    if (!file) throw new CodedError(httpErrors, 'NOT_FOUND');
    response.setHeader('Cache-Control', found && path?.startsWith('assets/') ? forGood : 'no-cache');
    if (file.type.startsWith('text/html')) response.setHeaders(new Map(Object.entries(headersOfPages)));
    send(file, request, response);
  };
}

const forGood = 'public, max-age=31536000, immutable';

/** Path inside the folder; undefined when it is none that we serve. */
function pathOf(target: string, prefix: string): string | undefined {
  const raw = target.split('?', 1)[0].slice(prefix.length);
  let decoded: string;
  try {
    decoded = decodeURIComponent(raw);
  } catch {
    return undefined;
  }
  const segments = decoded.split('/').filter((segment) => segment !== '');
  const hidden = segments.some((segment) => segment.startsWith('.') || /[\\\0]/.test(segment));
  if (hidden) return undefined;
  return decoded.endsWith('/') || segments.length === 0
    ? [...segments, 'index.html'].join('/')
    : segments.join('/');
}

function send(file: CachedFile, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('ETag', file.etag);
  response.setHeader('Vary', 'Accept-Encoding');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (matches(request.headers['if-none-match'], file.etag)) {
    response.writeHead(304).end();
    return;
  }
  const encoding = negotiate(request.headers['accept-encoding'] ?? '', file);
  const body = file.bodies[encoding] ?? Buffer.alloc(0);
  if (encoding !== 'identity') response.setHeader('Content-Encoding', encoding);
  response.writeHead(200, { 'Content-Type': file.type, 'Content-Length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch?.split(',').some((candidate) => ['*', etag].includes(candidate.trim())) ?? false;
}

function negotiate(accepted: string, file: CachedFile): Encoding {
  const names = accepted.split(',').flatMap((part) => {
    const [name, quality] = part.split(';').map((piece) => piece.trim());
    return /^q=0(\.0*)?$/.test(quality ?? '') ? [] : [name];
  });
  return (['br', 'gzip'] as const).find((name) => names.includes(name) && file.bodies[name]) ?? 'identity';
}

class FileCache {
  readonly #folder: string;
  readonly #cacheBytesMax: number;
  readonly #fileBytesMax: number;
  readonly #files = new Map<string, CachedFile>();
  readonly #loading = new Map<string, Promise<CachedFile>>();
  #bytes = 0;

  constructor(folder: string, { cacheBytesMax = 64 << 20, fileBytesMax = 16 << 20 }: StaticOptions) {
    this.#folder = folder;
    this.#cacheBytesMax = cacheBytesMax;
    this.#fileBytesMax = fileBytesMax;
  }

  /** The file as it is on disk now, or undefined. */
  async get(path: string): Promise<CachedFile | undefined> {
    const version = await this.#versionOf(path);
    if (version === undefined) return undefined;
    const cached = this.#files.get(path);
    if (cached?.version === version) {
      this.#files.delete(path);
      this.#files.set(path, cached);
      return cached;
    }
    const load = this.#loading.get(path) ?? this.#load(path, version);
    this.#loading.set(path, load);
    return load.finally(() => this.#loading.delete(path));
  }

  async #versionOf(path: string): Promise<string | undefined> {
    try {
      const [root, real] = await Promise.all([realpath(this.#folder), realpath(join(this.#folder, path))]);
      const { size, mtimeMs, ino, isFile } = await statOf(real);
      return isFile && size <= this.#fileBytesMax && real.startsWith(root + sep)
        ? `${ino}-${size}-${mtimeMs}`
        : undefined;
    } catch {
      return undefined;
    }
  }

  async #load(path: string, version: string): Promise<CachedFile> {
    const identity = await readFile(join(this.#folder, path));
    const type = types[extname(path).toLowerCase()] ?? 'application/octet-stream';
    const squeeze = compressible.test(type) && identity.length >= compressBytesMin;
    const [br, zipped] = squeeze ? await Promise.all([compressBrotli(identity), compressGzip(identity)]) : [];
    const bodies = { identity, br, gzip: zipped };
    const bytes = identity.length + (br?.length ?? 0) + (zipped?.length ?? 0);
    // Weak, since one tag stands for all encodings of the same content.
    const etag = `W/"${createHash('sha256').update(identity).digest('base64url').slice(0, 22)}"`;
    const file: CachedFile = { version, etag, type, bodies, bytes };
    this.#keep(path, file);
    return file;
  }

  #keep(path: string, file: CachedFile): void {
    this.#bytes += file.bytes - (this.#files.get(path)?.bytes ?? 0);
    this.#files.delete(path);
    this.#files.set(path, file);
    for (const [oldest, { bytes }] of this.#files) {
      if (this.#bytes <= this.#cacheBytesMax) return;
      this.#files.delete(oldest);
      this.#bytes -= bytes;
    }
  }
}

async function statOf(
  path: string,
): Promise<{ size: number; mtimeMs: number; ino: number; isFile: boolean }> {
  const found = await stat(path);
  return { size: found.size, mtimeMs: found.mtimeMs, ino: found.ino, isFile: found.isFile() };
}

const brotliAsync = promisify(brotliCompress);
const compressGzip = promisify<Buffer, Buffer>(gzip);

function compressBrotli(body: Buffer): Promise<Buffer> {
  return brotliAsync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } });
}
