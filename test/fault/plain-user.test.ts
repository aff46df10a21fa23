import { chown } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { GalaCommand, portsEnv } from '../harness/command.ts';
import { DataFolder } from '../harness/data-folder.ts';
import { waitFor } from '../harness/wait.ts';

/** `nobody` on every Linux: an account that owns nothing, so that the repository is read-only to it. */
const nobody = 65_534;
/** No account at all, as containers like to run. */
const nameless = 12_345;

const ports = portsEnv({ http: 0, live: 0, rtmp: 0, admin: 0 });
const isRoot = process.getuid?.() === 0;

/** Runs as another user where the tests run as root; a plain user can only be itself. */
async function startAs(uid: number, folder: DataFolder, env: NodeJS.ProcessEnv): Promise<GalaCommand> {
  if (isRoot) await chown(folder.path, uid, uid);
  const args = ['up', '--no-demo'];
  const all = { ...ports, GALA_DATA: folder.path, HOME: undefined, USER: undefined, ...env };
  return new GalaCommand({ args, env: all, ...(isRoot ? { uid } : {}) });
}

test('a plain user without a HOME runs Gala from a tree that it cannot write', async () => {
  await using folder = await DataFolder.make();
  await using gala = await startAs(nobody, folder, {});
  await waitFor(() => gala.isReady || gala.hasEnded, { timeoutMs: 30_000, what: 'the start' });
  expect(gala.isReady, gala.output).toBe(true);
  gala.process.kill('SIGTERM');
  expect(await gala.ended()).toBe(0);
  expect(folder.processes()).toEqual([]);
});
