import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NativeChildName } from '@gala/lib/lifecycle';

/** The folder that Gala stands in: the repository, from the sources as from the bundle in `dist/`. */
export const root = findRoot(import.meta.dirname);

export const webFolder = join(root, 'web', 'dist');

/** The file that a process of this kind begins with, in the bundle: that starts twice as fast as the sources. */
export function entryPath(name: 'role' | 'demo' | NativeChildName): string {
  return join(root, 'dist', 'cli', 'entry', `${name}.js`);
}

function findRoot(folder: string): string {
  const manifest = join(folder, 'package.json');
  const isRoot =
    existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'gala';
  return isRoot ? folder : findRoot(dirname(folder));
}
