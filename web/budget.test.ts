import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Rollup } from 'vite';
import { beforeAll, expect, test, vi } from 'vitest';

/**
 * Script of the first load of a page, as the gateway sends it (compressed), the player of a room page included;
 * and what the browser has to parse of it, without the player, which is React for four fifths.
 */
const sentBytesMax = 250 * 1024;
const parsedBytesMax = 276 * 1024;

let output: Rollup.RollupOutput['output'];
let html: string;

beforeAll(async () => {
  output = await buildForProduction();
  const page = output.find(({ fileName }) => fileName === 'index.html');
  html = page?.type === 'asset' ? String(page.source) : '';
}, 60_000);

/** Under the NODE_ENV of a test run React and JSX would come in their development form. */
async function buildForProduction(): Promise<Rollup.RollupOutput['output']> {
  const root = fileURLToPath(new URL('.', import.meta.url));
  const configFile = fileURLToPath(new URL('vite.config.ts', import.meta.url));
  vi.stubEnv('NODE_ENV', 'production');
  try {
    const built = await build({ root, configFile, logLevel: 'silent', build: { write: false } });
    return (built as Rollup.RollupOutput).output;
  } finally {
    vi.unstubAllEnvs();
  }
}

const chunks = (): Rollup.OutputChunk[] => output.filter((part) => part.type === 'chunk');

function chunkNamed(name: string): Rollup.OutputChunk {
  const found = chunks().find((chunk) => chunk.name === name);
  if (!found) throw new Error(`no chunk is named ${name}`);
  return found;
}

/** The chunks with everything that they import statically. */
function closure(names: readonly string[]): Rollup.OutputChunk[] {
  const found = new Map<string, Rollup.OutputChunk>();
  const visit = (chunk: Rollup.OutputChunk): void => {
    if (found.has(chunk.fileName)) return;
    found.set(chunk.fileName, chunk);
    for (const file of chunk.imports)
      chunks()
        .filter(({ fileName }) => fileName === file)
        .forEach(visit);
  };
  names.map(chunkNamed).forEach(visit);
  return [...found.values()];
}

const sent = (parts: readonly Rollup.OutputChunk[]): number =>
  parts.reduce((sum, { code }) => sum + gzipSync(code).length, 0);
const parsed = (parts: readonly Rollup.OutputChunk[]): number =>
  parts.reduce((sum, { code }) => sum + Buffer.byteLength(code), 0);

test.each([
  ['home', ['home-page']],
  ['room', ['room-page']],
  ['host', ['host-page']],
  ['console', ['console-page', 'texts-en']],
])('the first load of the %s page keeps to its budget', (page, names) => {
  const loaded = closure(['index', 'main', 'en', ...names]);
  const player = page === 'room' ? closure(['session', 'engine']) : [];
  expect(parsed(loaded)).toBeLessThan(parsedBytesMax);
  expect(sent([...new Set([...loaded, ...player])])).toBeLessThan(sentBytesMax);
});

test.each([
  ['mpegts.js', 'engine'],
  ['hls.js', 'hls.light'],
])('%s is a chunk of its own, loaded by nothing but its player', (library, chunk) => {
  const others = closure(['index', 'main', 'en', 'home-page', 'room-page', 'host-page', 'hls-engine']);
  const withPlayer = others.filter(({ moduleIds }) => moduleIds.some((id) => id.includes(`/${library}/`)));
  expect(withPlayer).toEqual([]);
  expect(chunkNamed(chunk).moduleIds.some((id) => id.includes(`/${library}/`))).toBe(true);
});

test('no schema library and no server code comes along', () => {
  const ids = chunks().flatMap(({ moduleIds }) => moduleIds);
  expect(
    ids.filter((id) =>
      /node_modules\/zod|\/(services|lib|media|media-io)\//.test(id.split('/web/')[0] ?? id),
    ),
  ).toEqual([]);
  // The chat reads what rooms say by the code that writes it; nothing else of the protocol is in it.
  expect(ids.filter((id) => /\/protocol\/(?!(?:signals|ids)\/)/.test(id))).toEqual([]);
});

test('the chat comes after the picture, and costs no more than a quarter of a first load', () => {
  const first = closure(['index', 'main', 'en', 'room-page', 'session', 'engine']);
  const chat = closure(['chat-panel', 'chat-words-en']).filter((chunk) => !first.includes(chunk));
  expect(first.flatMap(({ moduleIds }) => moduleIds).filter((id) => /\/web\/chat\//.test(id))).toEqual([]);
  expect(sent(chat)).toBeLessThan(sentBytesMax / 4);
});

test('the page runs under a policy without inline scripts, from any base path', () => {
  const scripts = [...html.matchAll(/<script\b[^>]*>([^<]*)/g)];
  expect(scripts).toHaveLength(1);
  expect(scripts[0]?.[0]).toContain('src="./assets/');
  expect(scripts[0]?.[1]).toBe('');
  expect(html).not.toMatch(/\son\w+=|javascript:/);
  expect([...html.matchAll(/(?:src|href)="(?!\/"|\.\/)[^"]*"/g)]).toEqual([]);
});

test('falling back to HLS costs no more than half of a first load', () => {
  expect(sent(closure(['hls-engine', 'hls.light']))).toBeLessThan(sentBytesMax / 2);
});

test('the shell and its styles are fetched beside the entry, not after it', () => {
  expect(html).toContain(`rel="modulepreload" crossorigin href="./${chunkNamed('main').fileName}"`);
  expect(html).toMatch(/rel="stylesheet"[^>]*href="\.\/assets\/[^"]+\.css"/);
});
