import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A native child out of the sources, as `Context.spawn` starts it from the bundle. */
export function spawnChild(name: 'transcode' | 'cover') {
  const entry = fileURLToPath(new URL(`../../cli/entry/${name}.ts`, import.meta.url));
  return spawn(process.execPath, [entry], { stdio: ['pipe', 'pipe', 'inherit'] });
}

/** A child that takes what it is sent and never answers. */
export function spawnSilent(code = 'process.stdin.resume()') {
  return spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'pipe', 'inherit'] });
}
