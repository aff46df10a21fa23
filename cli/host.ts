import { readFile } from 'node:fs/promises';
import { text as streamText } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { CodedError } from '@gala/lib/error';
import { asOperator } from './client.ts';
import { cliErrors } from './errors.ts';

/** `gala host create <name>` and `gala host key <name>`. */
export async function host(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { title: { type: 'string' }, 'password-file': { type: 'string' } },
  });
  const [verb, name] = positionals;
  if (!name || (verb !== 'create' && verb !== 'key')) {
    throw new CodedError(cliErrors, 'USAGE', { detail: 'gala host create <name> | gala host key <name>' });
  }
  await (verb === 'create' ? create(name, values) : rotate(name));
}

interface CreateOptions {
  readonly title?: string;
  /** `-` for standard input. An argument would show in the list of processes. */
  readonly 'password-file'?: string;
}

async function create(name: string, options: CreateOptions): Promise<void> {
  const { title, 'password-file': file } = options;
  const password = file === undefined ? undefined : await readPassword(file);
  const made = await asOperator((client) => client.createHost({ name, title, password }));
  const { host, streamKey, publish } = made;
  console.log(`host ${host.name} (${host.hostId})`);
  printKey(publish, streamKey);
  if (!password) console.log('no password was given, so this host cannot sign in to the pages');
}

async function readPassword(file: string): Promise<string> {
  const text = file === '-' ? await streamText(process.stdin) : await readFile(file, 'utf8');
  return text.replace(/\r?\n$/, '');
}

async function rotate(name: string): Promise<void> {
  const hostRef = `@${name}`;
  const { streamKey, publish } = await asOperator((client) => client.rotateHostStreamKey({ hostRef }));
  printKey(publish, streamKey);
}

interface Server {
  readonly rtmpUrl: string;
  readonly rtmpsUrl?: string | undefined;
}

function printKey({ rtmpUrl, rtmpsUrl }: Server, streamKey: string): void {
  console.log(`server     ${rtmpUrl}`);
  if (rtmpsUrl !== undefined) console.log(`or         ${rtmpsUrl}`);
  console.log(`stream key ${streamKey}   (shown once)`);
}
