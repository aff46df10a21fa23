import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { loadSettings, sampleYaml, section, type Environment, type Section } from './index.ts';

const http = section(
  'http',
  z
    .object({
      port: z.int().min(0).max(65_535).default(8080).describe('Port of the web listener.'),
      host: z.string().default('127.0.0.1'),
      publicUrl: z.url().optional().describe('Address that browsers use.'),
      trustedProxies: z.array(z.string()).default([]),
      weights: z.array(z.number()).default([1]),
      tls: z.object({ cert: z.string(), key: z.string() }).optional(),
      limits: z.object({ connectionsMax: z.int().default(100) }).prefault({}),
    })
    .describe('The public listener.'),
);
const edge = section(
  'edge',
  z.object({
    holdMs: z.int().default(60_000),
    record: z.boolean().default(false),
    keyFile: z.string().optional(),
  }),
);
const sections: Section[] = [http, edge];

const folder = mkdtempSync(join(tmpdir(), 'gala-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const path = join(folder, `${Math.random()}.yaml`);
  writeFileSync(path, text);
  return path;
}

function detailOf(yaml: string, env: Environment = {}): string {
  try {
    loadSettings(sections, { file: fileOf(yaml), env });
  } catch (error) {
    expect(error).toMatchObject({ code: 'SETTINGS_INVALID' });
    return (error as { detail: string }).detail;
  }
  throw new Error('the settings were accepted');
}

test('defaults fill what nobody set, and the result is frozen to the bottom', () => {
  const settings = loadSettings(sections, { env: {} });
  expect(settings.get(http)).toMatchObject({ port: 8080, limits: { connectionsMax: 100 } });
  expect(settings.get(http).tls).toBeUndefined();
  expect(Object.isFrozen(settings.get(http).limits)).toBe(true);
  expect(Object.isFrozen(settings.get(http).trustedProxies)).toBe(true);
});

test('the environment wins over the file, the file over defaults', () => {
  const file = fileOf('http:\n  port: 1\n  host: "::"\nedge:\n  holdMs: 5\n');
  const settings = loadSettings(sections, {
    file,
    env: { GALA_HTTP_PORT: '2', GALA_DATA: '/data', PATH: '/bin' },
  });
  expect(settings.get(http)).toMatchObject({ port: 2, host: '::' });
  expect(settings.get(edge).holdMs).toBe(5);
});

test('defaults of the caller count only where neither file nor environment speaks', () => {
  const file = fileOf('http:\n  port: 5\n');
  const defaults = { GALA_HTTP_PORT: '6', GALA_HTTP_HOST: 'from-defaults' };
  const fromFile = loadSettings(sections, { file, env: {}, defaults }).get(http);
  expect(fromFile).toMatchObject({ port: 5, host: 'from-defaults' });
  const env = { GALA_HTTP_HOST: 'from-env' };
  expect(loadSettings(sections, { env, defaults }).get(http)).toMatchObject({ port: 6, host: 'from-env' });
});

test('text from the environment takes the type that the schema wants', () => {
  const env = {
    GALA_EDGE_RECORD: 'true',
    GALA_EDGE_HOLD_MS: '7',
    GALA_HTTP_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    GALA_HTTP_WEIGHTS: '1,2.5',
    GALA_HTTP_LIMITS_CONNECTIONS_MAX: '9',
    GALA_HTTP_TLS_CERT: '/c',
    GALA_HTTP_TLS_KEY: '/k',
  };
  const settings = loadSettings(sections, { env });
  expect(settings.get(edge)).toMatchObject({ record: true, holdMs: 7 });
  expect(settings.get(http)).toMatchObject({
    trustedProxies: ['10.0.0.0/8', '::1'],
    weights: [1, 2.5],
    limits: { connectionsMax: 9 },
    tls: { cert: '/c', key: '/k' },
  });
});

test('<VAR>_FILE reads the value from a file, and a key that ends in file keeps its own name', () => {
  const secret = fileOf('s3cret\n');
  const settings = loadSettings(sections, {
    env: { GALA_HTTP_HOST_FILE: secret, GALA_EDGE_KEY_FILE: '/not/read' },
  });
  expect(settings.get(http).host).toBe('s3cret');
  expect(settings.get(edge).keyFile).toBe('/not/read');
  expect(detailOf('', { GALA_HTTP_HOST_FILE: '/absent' })).toMatch(
    /http\.host: .*GALA_HTTP_HOST_FILE.*ENOENT/,
  );
  expect(detailOf('', { GALA_HTTP_HOST: 'a', GALA_HTTP_HOST_FILE: secret })).toContain(
    'set by two variables',
  );
});

test('every problem is in the one error, unknown names with the nearest known one', () => {
  const detail = detailOf('http:\n  prot: 1\n  host: 5\n  limits:\n    conectionsMax: 1\nedgy:\n  a: 1\n', {
    GALA_EDGE_HOLDMS: '1',
    GALA_HTTP_PORT: 'eighty',
  });
  expect(detail).toContain('http.prot: unknown key, the nearest known one is http.port');
  expect(detail).toContain(
    'http.limits.conectionsMax: unknown key, the nearest known one is http.limits.connectionsMax',
  );
  expect(detail).toContain('edgy: unknown key, the nearest known one is edge');
  expect(detail).toContain('GALA_EDGE_HOLDMS: unknown variable, the nearest known one is GALA_EDGE_HOLD_MS');
  expect(detail).toMatch(/http\.port \(set by GALA_HTTP_PORT\): .*expected number/);
  expect(detail).toMatch(/http\.host \(GALA_HTTP_HOST\): .*expected string/);
});

test('a value never shows in an error, since it may be a secret', () => {
  expect(detailOf('', { GALA_HTTP_PUBLIC_URL: 'hunter2', GALA_HTTP_PORT: 'hunter2' })).not.toContain(
    'hunter2',
  );
});

test('a file that is no YAML, twice the same key, or no map of sections is refused', () => {
  expect(detailOf('http: [')).toContain('.yaml');
  expect(detailOf('http:\n  port: 1\n  port: 2\n')).toMatch(/unique/);
  expect(detailOf('- a\n')).toContain('map of sections');
  expect(() => loadSettings(sections, { file: '/absent.yaml', env: {} })).toThrow(/absent\.yaml/);
});

test('reserved names are no settings', () => {
  expect(() => loadSettings(sections, { env: { GALA_NODE: 'x' }, reservedEnv: ['GALA_NODE'] })).not.toThrow();
  expect(() => loadSettings(sections, { env: { GALA_NODE: 'x' } })).toThrow(/GALA_NODE/);
});

test('the sample loads as it is and with every line uncommented, and both are the defaults', () => {
  const sample = sampleYaml(sections);
  const uncommented = sample.replace(/^(\s*)#(?=\S)/gm, '$1');
  const defaults = loadSettings(sections, { env: {} });
  for (const text of [sample, uncommented]) {
    const loaded = loadSettings(sections, { file: fileOf(text), env: {} });
    for (const each of sections) expect(loaded.get(each)).toEqual(defaults.get(each));
  }
  expect(uncommented).toContain('  port: 8080\n');
  expect(sample).toContain('  # Port of the web listener. [GALA_HTTP_PORT]\n  #port: 8080\n');
});

test('a section that was not loaded is a bug of the caller', () => {
  const settings = loadSettings([http], { env: {} });
  expect(() => settings.get(edge)).toThrow(/section edge/);
});
