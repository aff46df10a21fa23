import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toolScript } from '../../cli/tasks/command.ts';
import { readSources, type Findings, type Source } from './source.ts';

/** Makes the stubs of the contracts under `root` anew, in a folder of their own. */
export async function generateStubs(root: string): Promise<Source[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gala-stubs-'));
  try {
    await promisify(execFile)(process.execPath, [toolScript('@bufbuild/buf'), 'generate', '-o', folder], {
      cwd: root,
    });
    return readSources(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Stubs that differ from what the contracts say now. */
export function staleStubs(kept: readonly Source[], made: readonly Source[]): Findings {
  const keptText = new Map(kept.map(({ path, text }) => [path, text]));
  const madeText = new Map(made.map(({ path, text }) => [path, text]));
  return [...new Set([...keptText.keys(), ...madeText.keys()])]
    .filter((path) => keptText.get(path) !== madeText.get(path))
    .map((path) => `${path}: not what buf generate makes of the contracts`);
}
