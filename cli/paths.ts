import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder that Gala stands in: the repository, from the sources as from the bundle in `dist/`. */
export const root = findRoot(import.meta.dirname);

export const webFolder = join(root, 'web', 'dist');

/** True when this runs from the TypeScript sources rather than from the bundle. */
export const isSource = import.meta.url.endsWith('.ts');

/** The file that a process of this kind begins with; always in the bundle, which starts twice as fast. */
export function entryPath(name: 'role' | 'demo'): string {
  return join(root, 'dist', 'cli', 'entry', `${name}.js`);
}

function findRoot(folder: string): string {
  const manifest = join(folder, 'package.json');
  const isRoot =
    existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'gala';
  return isRoot ? folder : findRoot(dirname(folder));
}
