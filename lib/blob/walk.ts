import { readdir } from 'node:fs/promises';
import path from 'node:path';

export interface WalkOptions {
  readonly prefix: string;
  /** Only keys after this one. */
  readonly after: string;
}

/** Keys below `folder` in their order. Folders in which no wanted key can be are not read. */
export async function* walk(folder: string, options: WalkOptions, base = ''): AsyncIterable<string> {
  for (const name of await namesIn(folder)) {
    const key = base + name;
    if (!name.endsWith('/')) {
      if (key.startsWith(options.prefix) && key > options.after) yield key;
    } else if (mayHold(key, options)) {
      yield* walk(path.join(folder, name), options, key);
    }
  }
}

/** Names with a slash behind those of folders, which puts them in the order of the keys below them. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  } catch (error) {
    // Another's delete has taken the folder away meanwhile.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function mayHold(base: string, { prefix, after }: WalkOptions): boolean {
  const isInPrefix = base.startsWith(prefix) || prefix.startsWith(base);
  return isInPrefix && (base > after || after.startsWith(base));
}
