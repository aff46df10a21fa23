// `buildWeb` and `buildBundle`, each only when a source is newer than what was built; as a task: both.
import { existsSync, globSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { ROOT } from './command.ts';

/** What the pages are made of; the lock file stands for the libraries in them. */
const WEB_SOURCES = ['web', 'sdk', 'protocol'];
const SERVER_SOURCES = ['cli', 'services', 'sdk', 'media-io', 'media', 'lib', 'protocol'];
const BUNDLE_ENTRIES = ['cli/gala.ts', 'cli/entry/*.ts'];

/** Builds the pages into web/dist; false when they were fresh. */
export async function buildWeb(): Promise<boolean> {
  const page = join(ROOT, 'web/index.html');
  if (!existsSync(page) || isFresh(join(ROOT, 'web/dist/index.html'), WEB_SOURCES)) return false;
  const { build } = await import('vite');
  await build({ root: join(ROOT, 'web'), logLevel: 'warn', build: { outDir: 'dist', emptyOutDir: true } });
  return true;
}

/** Bundles the server into dist/, its packages left outside (some are native); false when it was fresh. */
export async function buildBundle(): Promise<boolean> {
  if (isFresh(join(ROOT, 'dist/cli/gala.js'), SERVER_SOURCES)) return false;
  const { build } = await import('esbuild');
  const entryPoints = globSync(BUNDLE_ENTRIES, { cwd: ROOT }).filter((path) => !path.endsWith('.test.ts'));
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints,
    outdir: 'dist',
    outbase: '.',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24.6',
    sourcemap: true,
    metafile: true,
    logLevel: 'warning',
    plugins: [outsidePackages],
  });
  // Shared pieces are named by their content: those of earlier builds would stay for ever.
  const leftOver = globSync('dist/**/*.{js,map}', { cwd: ROOT }).filter(
    (path) => !(path in metafile.outputs),
  );
  for (const path of leftOver) rmSync(join(ROOT, path));
  return true;
}

/** Leaves every package outside the bundle but our own workspaces. */
const outsidePackages: Plugin = {
  name: 'outside-packages',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || path.startsWith('@gala/') ? undefined : { path, external: true },
    );
  },
};

function isFresh(output: string, folders: readonly string[]): boolean {
  if (!existsSync(output)) return false;
  const sources = globSync([...folders.map((folder) => `${folder}/**/*`), 'package-lock.json'], {
    cwd: ROOT,
    exclude: ['**/node_modules', '**/dist', '**/*.test.ts'],
  });
  const builtMs = statSync(output).mtimeMs;
  return sources.every((path) => statSync(join(ROOT, path)).mtimeMs <= builtMs);
}

if (import.meta.main) {
  if (await buildWeb()) console.error('Built the web pages.');
  if (await buildBundle()) console.error('Built the bundle.');
}
