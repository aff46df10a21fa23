import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { claimDataFolder } from './claim.ts';
import { readSupervisorRecord, writeSupervisorRecord } from './data-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gala-claim-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Another process that claims the folder and holds it until it is killed. */
async function claimElsewhere() {
  const script = `
    import { claimDataFolder } from '${import.meta.dirname}/claim.ts';
    const claim = await claimDataFolder('${folder}');
    setInterval(() => claim, 1000);
    console.log('claimed');`;
  const args = ['--input-type=module-typescript', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

test('a claimed folder is refused to others until the claim is given up', async () => {
  {
    using claim = await claimDataFolder(folder);
    expect(claim).toBeDefined();
    await expect(claimDataFolder(folder)).rejects.toMatchObject({
      code: 'ALREADY_RUNNING',
      detail: expect.stringContaining('it is starting or stopping') as string,
    });
  }
  using again = await claimDataFolder(folder);
  expect(again).toBeDefined();
});

test('a claim ends with its process, even by kill -9, and what that said of itself goes too', async () => {
  const owner = await claimElsewhere();
  const record = { pid: owner.pid!, adminUrl: '', webUrl: 'http://localhost:1', rtmpUrl: '' };
  await writeSupervisorRecord(folder, record);
  const detail = `process ${owner.pid}, http://localhost:1`;
  await expect(claimDataFolder(folder)).rejects.toMatchObject({ code: 'ALREADY_RUNNING', detail });
  expect(await readSupervisorRecord(folder)).toEqual(record);
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  using claim = await claimDataFolder(folder);
  expect(claim).toBeDefined();
  expect(await readSupervisorRecord(folder)).toBeUndefined();
});

test('a folder that cannot be is named, with the setting that changes it', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  await expect(claimDataFolder(file)).rejects.toMatchObject({
    code: 'DATA_FOLDER_UNUSABLE',
    detail: expect.stringContaining(`${file}; choose another with GALA_DATA`) as string,
  });
});
