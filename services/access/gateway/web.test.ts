import { listen, type HttpListener } from '@gala/lib/http';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Web } from './web.ts';

const stack: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of stack.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

const index = '<!doctype html><html><head><base href="/" /></head><body>app</body></html>';

async function folderOf(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gala-web-'));
  stack.push({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) });
  await mkdir(join(folder, 'assets'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

async function serve(webFolder: string, basePath = ''): Promise<string> {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const listener: HttpListener = await listen({
    host: '127.0.0.1',
    port: 0,
    portSetting: 'none',
    name: 'web',
    logger,
    metrics: createMetrics('test'),
  });
  stack.push(listener);
  listener.mount(`${basePath}/`, new Web({ webFolder, basePath }).handle);
  return `http://127.0.0.1:${listener.port}${basePath}`;
}

test('addresses of the application get the page with the security headers', async () => {
  const url = await serve(await folderOf({ 'index.html': index }));
  for (const path of ['/', '/@john.doe', '/%40john.doe', '/rooms/7', '/index.html', '/studio?x=1.2']) {
    const answer = await fetch(url + path);
    expect(answer.status, path).toBe(200);
    expect(await answer.text(), path).toBe(index);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('referrer-policy')).toBeTruthy();
    const policy = answer.headers.get('content-security-policy') ?? '';
    for (const directive of [
      "default-src 'self'",
      "object-src 'none'",
      "frame-ancestors 'self'",
      "media-src 'self' blob: http: https:",
    ])
      expect(policy.split('; ')).toContain(directive);
    expect(policy).not.toContain('unsafe-eval');
  }
});

test('a page that the browser has is not sent again, a rebuilt one is', async () => {
  const folder = await folderOf({ 'index.html': index });
  const url = await serve(folder);
  const etag = (await fetch(url)).headers.get('etag') ?? '';
  const again = () => fetch(url, { headers: { 'If-None-Match': etag } });
  expect((await again()).status).toBe(304);
  await writeFile(join(folder, 'index.html'), index.replace('app', 'newer'));
  await utimes(join(folder, 'index.html'), new Date(), new Date(Date.now() + 5000));
  expect(await (await again()).text()).toContain('newer');
});

test('files are served as what they are, missing ones are not the page', async () => {
  const url = await serve(await folderOf({ 'index.html': index, 'assets/app-1a2b.js': 'let x;' }));
  const script = await fetch(`${url}/assets/app-1a2b.js`);
  expect(script.headers.get('content-type')).toMatch(/javascript/);
  expect(script.headers.get('cache-control')).toMatch(/immutable/);
  for (const path of ['/assets/gone.js', '/assets/gone', '/favicon.ico', '/..%2fpackage.json'])
    expect((await fetch(url + path)).status, path).toBe(404);
  expect((await fetch(url, { method: 'POST' })).status).toBe(405);
});

test('the base path goes into the page and off the addresses', async () => {
  const url = await serve(await folderOf({ 'index.html': index, 'assets/a.js': 'let x;' }), '/show/gala');
  expect(await (await fetch(`${url}/rooms/7`)).text()).toContain('<base href="/show/gala/"');
  expect((await fetch(`${url}/assets/a.js`)).status).toBe(200);
});

test('pages that are not built say how to build them', async () => {
  const url = await serve(await folderOf({}));
  const page = await fetch(url, { headers: { Accept: 'text/html' } });
  expect(page.status).toBe(503);
  expect(await page.text()).toContain('npx vite build web');
  const tool = await fetch(url);
  expect(await tool.json()).toMatchObject({ error: { code: 'UNAVAILABLE' } });
});
