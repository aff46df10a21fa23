import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMetrics } from '../metrics/index.ts';
import { blobContract } from './contract.ts';
import { readFolderBlobs } from './folder-reader.ts';
import { openFolderBlobs } from './folder.ts';
import type { BlobStore } from './types.ts';

const temporaryFolder = (): Promise<string> => mkdtemp(path.join(os.tmpdir(), 'gala-test-blob-'));
const openStore = (
  folder: string,
  options: { bytesMax?: number; openedMax?: number } = {},
): Promise<BlobStore> =>
  openFolderBlobs({ folder, bytesMax: 1e8, metrics: createMetrics('blob-test'), ...options });

blobContract('folder', async () => {
  const root = await temporaryFolder();
  return {
    open: (name, options) => openStore(path.join(root, name), options),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
});

describe('folder', () => {
  let folder: string;
  beforeEach(async () => void (folder = await temporaryFolder()));
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const incoming = (): Promise<string[]> => readdir(path.join(folder, 'incoming'));

  test('blobs are files under their keys; empty folders go', async () => {
    const store = await openStore(folder);
    await store.put('a/b/c.txt', Buffer.from('x'));
    expect((await readdir(folder, { recursive: true })).toSorted()).toEqual([
      'blobs',
      'blobs/a',
      'blobs/a/b',
      'blobs/a/b/c.txt',
      'incoming',
    ]);
    await store.delete('a/b/c.txt');
    expect(await readdir(path.join(folder, 'blobs'))).toEqual([]);
  });

  test('of a process killed while it wrote, growing blobs stay and half a put does not', async () => {
    const script = path.join(import.meta.dirname, 'folder-owner.ts');
    const owner = spawn(process.execPath, [script], {
      env: { ...process.env, BLOB_FOLDER: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(owner.stdout, 'data');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const [left] = await incoming();
    const young = await openStore(folder);
    expect((await buffer((await young.get('growing')).body)).toString()).toBe('onetwothree');
    expect((await young.list('')).blobs.map(({ key }) => key)).toEqual(['growing']);
    expect(await incoming()).toEqual([left]);
    const anHourAgo = Date.now() / 1000 - 3601;
    await utimes(path.join(folder, 'incoming', left), anHourAgo, anHourAgo);
    await openStore(folder);
    expect(await incoming()).toEqual([]);
  });

  test('open files are bounded, and free again when read, destroyed or refused', async () => {
    const store = await openStore(folder, { openedMax: 2 });
    for (const key of ['a', 'b', 'empty']) await store.put(key, Buffer.alloc(key === 'empty' ? 0 : 10));
    for (let rounds = 0; rounds < 3; rounds++) {
      const [one, two] = [await store.get('a'), await store.get('empty')];
      await expect(store.get('a')).rejects.toMatchObject({ code: 'BLOB_BUSY' });
      await expect(store.put('c', Buffer.alloc(1))).rejects.toMatchObject({ code: 'BLOB_BUSY' });
      one.body.destroy();
      await Promise.all([once(one.body, 'close'), buffer(two.body)]);
      await expect(store.get('none')).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
      await expect(store.get('a', { offset: 11 })).rejects.toMatchObject({ code: 'BLOB_RANGE_INVALID' });
    }
    expect(store.usage().bytes).toBe(20);
  });

  test('a reader sees what another process writes, as far as it has come, within its own bound', async () => {
    const reader = readFolderBlobs({ folder, openedMax: 1 });
    await expect(reader.stat('a')).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
    const store = await openStore(folder);
    await using writer = await store.append('a');
    await writer.write(Buffer.from('first'));
    expect(await reader.stat('a')).toMatchObject({ key: 'a', bytes: 5 });
    const one = await reader.get('a', { offset: 2, bytes: 2 });
    await expect(reader.get('a')).rejects.toMatchObject({ code: 'BLOB_BUSY' });
    expect((await buffer(one.body)).toString()).toBe('rs');
    await writer.write(Buffer.from('more'));
    expect((await buffer((await reader.get('a')).body)).toString()).toBe('firstmore');
  });

  test('a folder that cannot be made is a coded error', async () => {
    await expect(openStore('/dev/null/blobs')).rejects.toMatchObject({
      code: expect.stringMatching(/^BLOB_/),
    });
  });
});

/** Root needs no namespace of users to mount something for itself. */
const namespace = process.getuid?.() === 0 ? '-m' : '-Urm';
const canMount = spawnSync('unshare', [namespace, 'true']).status === 0 || process.env['CI'] === 'true';
if (!canMount) console.error('SKIPPED "full disk": this system allows no mount namespaces (unshare)');

/** A file system of 1 MiB, as a disk that is about to be full: it lives as long as the process that mounted it. */
async function mountSmallDisk(): Promise<{ path: string; unmount: () => Promise<void> }> {
  const folder = await temporaryFolder();
  const script = 'mount -t tmpfs -o size=1m tmpfs "$0" && echo mounted && exec sleep 60';
  const keeper = spawn('unshare', [namespace, 'sh', '-c', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(keeper.stdout, 'data');
  const unmount = async (): Promise<void> => {
    keeper.kill();
    await once(keeper, 'exit');
    await rm(folder, { recursive: true });
  };
  return { path: `/proc/${keeper.pid}/root${folder}`, unmount };
}

describe.skipIf(!canMount)('full disk', () => {
  let mounted: string;
  let unmount: () => Promise<void>;
  beforeEach(async () => {
    ({ path: mounted, unmount } = await mountSmallDisk());
  });
  afterEach(() => unmount());
  const chunk = Buffer.alloc(100_000, 7);

  test('a put is refused with its code, whole or streamed, leaves nothing and what was there', async () => {
    const store = await openStore(mounted);
    await store.put('old', chunk);
    const many = async function* (): AsyncIterable<Uint8Array> {
      for (let chunks = 0; chunks < 20; chunks++) yield chunk;
    };
    for (const content of [Buffer.alloc(2_000_000), many()]) {
      await expect(store.put('old', content)).rejects.toMatchObject({ code: 'BLOB_DISK_FULL' });
    }
    expect(store.usage().bytes).toBe(chunk.length);
    expect(await readdir(path.join(mounted, 'incoming'))).toEqual([]);
    expect((await buffer((await store.get('old')).body)).equals(chunk)).toBe(true);
    await store.put('new', chunk);
  });

  test('a growing blob keeps its whole chunks, and goes on when there is room', async () => {
    const store = await openStore(mounted);
    await store.put('other', Buffer.alloc(500_000));
    const writer = await store.append('recording');
    const fill = async (): Promise<void> => {
      for (let chunks = 0; chunks < 20; chunks++) await writer.write(chunk);
    };
    await expect(fill()).rejects.toMatchObject({ code: 'BLOB_DISK_FULL' });
    const full = writer.bytes;
    expect([full % chunk.length, (await store.stat('recording')).bytes]).toEqual([0, full]);
    await store.delete('other');
    await writer.write(chunk);
    await writer.close();
    expect((await store.stat('recording')).bytes).toBe(full + chunk.length);
    expect(store.usage().bytes).toBe(full + chunk.length);
  });
});
