import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { listen, serveStatic, type HttpListener } from './index.ts';
import { exchange } from './testing/raw-client.ts';

const root = mkdtempSync(join(tmpdir(), 'gala-static-'));
const folder = join(root, 'public');
const script = 'console.log(1);\n'.repeat(500);
let listener: HttpListener;

beforeAll(async () => {
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), '<!doctype html>home');
  writeFileSync(join(folder, 'assets/app-3f9a.js'), script);
  writeFileSync(join(folder, 'big.bin'), Buffer.alloc(5000));
  writeFileSync(join(folder, '.env'), 'SECRET=1');
  writeFileSync(join(root, 'secret.txt'), 'SECRET=1');
  symlinkSync(join(root, 'secret.txt'), join(folder, 'link.txt'));
  const logger = createLogger({ name: 'test', level: 'silent' });
  listener = await listen({
    name: 'web',
    host: '127.0.0.1',
    port: 0,
    portSetting: 'x',
    logger,
    metrics: createMetrics('t'),
  });
  listener.mount('/', serveStatic(folder, { fallback: 'index.html' }));
  listener.mount('/base', serveStatic(folder, { prefix: '/base', fileBytesMax: 4000 }));
});

afterAll(async () => {
  await listener[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

/** Sends the path as it is, which fetch would tidy first. */
function getRaw(path: string, headers = ''): Promise<string> {
  return exchange(listener.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n`);
}

test('a page carries security headers and is asked for again each time', async () => {
  const page = await getRaw('/');
  expect(page).toMatch(/^HTTP\/1.1 200 .*home$/s);
  expect(page).toMatch(/Content-Security-Policy: default-src 'self'/);
  expect(page).toContain('Cache-Control: no-cache');
});

test('hashed assets are cached for good and come compressed as the client likes', async () => {
  const bodyOf = (answer: string): Buffer =>
    Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1');
  const path = '/assets/app-3f9a.js';
  const brotli = await getRaw(path, 'Accept-Encoding: gzip, br\r\n');
  expect(brotli).toContain('Cache-Control: public, max-age=31536000, immutable');
  expect(brotli).toContain('Content-Encoding: br');
  expect(brotliDecompressSync(bodyOf(brotli)).toString()).toBe(script);
  const gzip = await getRaw(path, 'Accept-Encoding: br;q=0, gzip\r\n');
  expect(gunzipSync(bodyOf(gzip)).toString()).toBe(script);
  const plain = await getRaw(path);
  expect(bodyOf(plain).toString()).toBe(script);
  const etag = /ETag: (.*)\r\n/.exec(plain)?.[1];
  expect(await getRaw(path, `If-None-Match: "x", ${etag}\r\n`)).toMatch(/^HTTP\/1.1 304 /);
});

test('nothing outside the folder and nothing hidden is found', async () => {
  const paths = [
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%5c..%5csecret.txt',
    '/.env',
  ];
  for (const path of [...paths, '/link.txt', '/%00', '/%zz', '/assets', '//etc/passwd']) {
    const answer = await getRaw(path, 'Accept: */*\r\n');
    expect(answer, path).toMatch(/^HTTP\/1.1 404 /);
    expect(answer).not.toContain('SECRET');
  }
});

test('pages without a file fall back, assets and API calls do not', async () => {
  expect(await getRaw('/rooms/7', 'Accept: text/html,*/*\r\n')).toMatch(/200 OK.*home$/s);
  expect(await getRaw('/assets/gone.js', 'Accept: text/html\r\n')).toMatch(/^HTTP\/1.1 404 /);
  expect(await getRaw('/rooms/7', 'Accept: application/json\r\n')).toMatch(/^HTTP\/1.1 404 /);
});

test('a prefix is cut off, and a file above the bound is not served', async () => {
  expect(await getRaw('/base/')).toMatch(/200 OK.*home$/s);
  expect(await getRaw('/base')).toMatch(/200 OK.*home$/s);
  expect(await getRaw('/big.bin')).toMatch(/^HTTP\/1.1 200 /);
  expect(await getRaw('/base/big.bin')).toMatch(/^HTTP\/1.1 404 /);
});

test('a changed file is served anew; other methods are refused', async () => {
  writeFileSync(join(folder, 'a.txt'), 'one');
  expect(await getRaw('/a.txt')).toMatch(/one$/);
  writeFileSync(join(folder, 'a.txt'), 'three');
  expect(await getRaw('/a.txt')).toMatch(/three$/);
  const posted = await exchange(listener.port, 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  expect(posted).toMatch(/^HTTP\/1.1 405 .*Allow: GET, HEAD/s);
});
