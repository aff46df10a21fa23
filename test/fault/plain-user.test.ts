import { existsSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { createLogger } from '@gala/lib/logger';
import { startEmbedded } from '@gala/lib/sql';
import { expect, test } from 'vitest';
import { wrapperFolders } from '../../lib/sql/user-name.ts';
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
  await using folder = await DataFolder.makeEmpty();
  await using gala = await startAs(nobody, folder, {});
  await waitFor(() => gala.isReady || gala.hasEnded, { timeoutMs: 90_000, what: 'the start' });
  expect(gala.isReady, gala.output).toBe(true);
  gala.process.kill('SIGTERM');
  expect(await gala.ended()).toBe(0);
  expect(folder.processes()).toEqual([]);
});

test('a uid that has no name gets one from libnss-wrapper, or is told what is missing', async () => {
  await using folder = await DataFolder.makeEmpty();
  await using gala = await startAs(nameless, folder, {});
  await waitFor(() => gala.isReady || gala.hasEnded, { timeoutMs: 90_000, what: 'the start' });
  if (isRoot && !wrapperFolders.some((path) => existsSync(`${path}/libnss_wrapper.so`))) {
    expect(gala.lines.at(-1)).toMatch(
      /uid 12345 has no passwd entry.*libnss-wrapper.*POSTGRES_ACCOUNT_MISSING/,
    );
    expect(await gala.ended()).toBe(1);
  } else {
    expect(gala.isReady, gala.output).toBe(true);
    gala.process.kill('SIGTERM');
    expect(await gala.ended()).toBe(0);
  }
  expect(folder.processes()).toEqual([]);
});

test('the same uid needs no name with a database of its own', async () => {
  await using serverFolder = await DataFolder.makeEmpty();
  await using folder = await DataFolder.makeEmpty();
  const logger = createLogger({ name: 'database', level: 'silent' });
  await using server = await startEmbedded({ dataFolder: serverFolder.path, logger, volatile: true });
  await using gala = await startAs(nameless, folder, { DATABASE_URL: server.url('postgres') });
  await waitFor(() => gala.isReady || gala.hasEnded, { timeoutMs: 90_000, what: 'the start' });
  expect(gala.isReady, gala.output).toBe(true);
  expect(gala.output).not.toContain(server.url('postgres').split(/[:@]/)[2]);
  gala.process.kill('SIGTERM');
  expect(await gala.ended()).toBe(0);
  expect(folder.processes()).toEqual([]);
});
