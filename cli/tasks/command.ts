import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

/** The top folder of the repository. */
export const ROOT = dirname(dirname(import.meta.dirname));

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly stdio?: StdioOptions;
}

/** Runs a command in ROOT to its end and resolves to its exit code, 128 + n when signal n ended it. */
export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<number> {
  const { env = process.env, stdio = 'inherit' } = options;
  const child = spawn(command, args, { cwd: ROOT, env, stdio });
  // Ctrl-C reaches the child by itself; waiting for it keeps its last words before ours.
  const wait = (): void => {};
  const terminate = (): void => void child.kill('SIGTERM');
  process.on('SIGINT', wait).on('SIGTERM', terminate);
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal ? constants.signals[signal] : 0);
  } finally {
    process.off('SIGINT', wait).off('SIGTERM', terminate);
  }
}

/** Runs a tool that npm installed, as Node script, without the shell wrapper that differs by platform. */
export function runTool(tool: string, args: readonly string[], options?: CommandOptions): Promise<number> {
  return run(process.execPath, [toolScript(tool), ...args], options);
}

/** Path of the script of a command: `vitest`, or `typescript/tsc` when package and command differ in name. */
export function toolScript(tool: string): string {
  const [, name = tool, command = name.split('/').at(-1)] =
    /^((?:@[^/]+\/)?[^/]+)(?:\/(.+))?$/.exec(tool) ?? [];
  const folder = join(ROOT, 'node_modules', name);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin: Readonly<Record<string, string>>;
  };
  const script = command && bin[command];
  if (!script) throw new Error(`${name} has no command ${command}`);
  return join(folder, script);
}
