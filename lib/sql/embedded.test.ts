import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogger } from '../logger/index.ts';
import { embeddedUrl, startEmbedded, type EmbeddedOptions, type EmbeddedPostgres } from './embedded.ts';
import { findCluster } from './location.ts';
import { isAlive, waitUntil } from './postmaster.ts';

const ownerScript = path.join(import.meta.dirname, 'embedded-owner.ts');
const isRoot = process.getuid?.() === 0;

let dataFolder: string;
let lines: string[];
let started: EmbeddedPostgres[];
let owners: ChildProcess[];

beforeEach(async () => {
  dataFolder = await mkdtemp(path.join(os.tmpdir(), 'gala-embedded-'));
  await chmod(dataFolder, 0o755);
  lines = [];
  started = [];
  owners = [];
});

afterEach(async () => {
  for (const owner of owners) owner.kill('SIGKILL');
  for (const server of started) await server.stop();
  await rm(dataFolder, { recursive: true, force: true });
});

async function start(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
  const logger = createLogger({
    name: 'test',
    level: 'debug',
    destination: { write: (line) => void lines.push(line) },
  });
  const server = await startEmbedded({ dataFolder, logger, volatile: true, ...options });
  started.push(server);
  return server;
}

async function startElsewhere(): Promise<{ owner: ChildProcess; pid: number; port: number }> {
  const owner = spawn(process.execPath, [ownerScript, dataFolder], { stdio: ['ignore', 'pipe', 'ignore'] });
  owners.push(owner);
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  return { owner, ...(JSON.parse(line.toString()) as { pid: number; port: number }) };
}

async function query<Row>(server: EmbeddedPostgres, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: server.url('postgres') });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows as Row[];
  } finally {
    await client.end();
  }
}

async function killed(owner: ChildProcess): Promise<void> {
  const exit = once(owner, 'exit');
  owner.kill('SIGKILL');
  await exit;
}

test('a first start, a stop and a warm start keep data, port and secrets', async () => {
  const first = await start({ volatile: false });
  expect(await query(first, 'show server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
  expect(await query(first, 'show wal_level')).toEqual([{ wal_level: 'logical' }]);
  await query(first, `create table kept as select 'ü' as text`);
  expect(await embeddedUrl(dataFolder, 'postgres')).toBe(first.url('postgres'));
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);
  await expect(embeddedUrl(dataFolder, 'postgres')).rejects.toMatchObject({ code: 'POSTGRES_NOT_RUNNING' });

  const second = await start({ volatile: false });
  expect(second).toMatchObject({ port: first.port, adopted: false });
  expect(await query(second, 'select text from kept')).toEqual([{ text: 'ü' }]);
  const secret = path.join(dataFolder, 'secrets', 'postgres.password');
  expect((await stat(secret)).mode & 0o777).toBe(0o600);
  expect((await stat(path.join(dataFolder, 'run', 'postgres.json'))).mode & 0o777).toBe(0o600);
  expect(lines.join('')).not.toContain((await readFile(secret, 'utf8')).trim());
});

test('the server never runs as root, and asks everybody for the password', async () => {
  const server = await start();
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8').catch(() => 'Uid:\t1');
  expect(status).not.toMatch(/^Uid:\t0\b/m);
  const url = new URL(server.url('postgres'));
  url.password = 'wrong';
  await expect(new Client({ connectionString: url.href }).connect()).rejects.toMatchObject({ code: '28P01' });
});

test('a server whose parent was killed is adopted', async () => {
  const { owner, pid, port } = await startElsewhere();
  await expect(start()).rejects.toMatchObject({ code: 'DATA_IN_USE' });
  await killed(owner);
  expect(isAlive(pid)).toBe(true);
  const server = await start();
  expect(server).toMatchObject({ pid, port, adopted: true });
  await query(server, 'create table kept (id int)');
  const gone = new Promise<void>((resolve) => server.onExit(resolve));
  process.kill(pid, 'SIGKILL');
  await gone;
});

test('other settings stop what runs and start it anew on the same port', async () => {
  const { owner, pid, port } = await startElsewhere();
  await killed(owner);
  const server = await start({ connectionsMax: 33 });
  expect(server).toMatchObject({ port, adopted: false });
  expect(isAlive(pid)).toBe(false);
  expect(await query(server, 'show max_connections')).toEqual([{ max_connections: '33' }]);
});

test('after SIGKILL of the server all that was committed is there again', async () => {
  const server = await start({ volatile: false });
  await query(server, 'create table kept as select generate_series(1, 1000) as id');
  const gone = new Promise<void>((resolve) => server.onExit(resolve));
  process.kill(server.pid, 'SIGKILL');
  await gone;
  const again = await start({ volatile: false });
  expect(again.port).toBe(server.port);
  expect(await query(again, 'select count(*)::int from kept')).toEqual([{ count: 1000 }]);
});

test('a port that was taken meanwhile is replaced, a stale pid file is ignored', async () => {
  const first = await start();
  await first.stop();
  const squatter = createServer().listen(first.port, '127.0.0.1');
  await once(squatter, 'listening');
  const cluster = (await findCluster(dataFolder))!;
  await writeFile(path.join(cluster, 'postmaster.pid'), `${process.pid}\n${cluster}\n0\n${first.port}\n`);
  const second = await start();
  expect(second.port).not.toBe(first.port);
  expect(await query(second, 'select 1 as one')).toEqual([{ one: 1 }]);
  squatter.close();
});

test('a data folder where the account cannot go keeps its cluster elsewhere, and finds it again', async () => {
  await chmod(dataFolder, 0o700);
  const first = await start();
  await query(first, 'create table kept (id int)');
  const cluster = (await findCluster(dataFolder))!;
  expect(cluster.startsWith(isRoot ? '/var/lib/gala/' : dataFolder)).toBe(true);
  await first.stop();
  try {
    expect(await query(await start(), 'select * from kept')).toEqual([]);
    await started.at(-1)?.stop();
  } finally {
    await rm(path.dirname(cluster), { recursive: true, force: true });
  }
});

test('a data folder may be moved, and a cluster that was lost is not replaced by an empty one', async () => {
  const server = await start();
  await query(server, 'create table kept (id int)');
  await server.stop();
  await rename(dataFolder, `${dataFolder}-moved`);
  dataFolder = `${dataFolder}-moved`;
  const moved = await start();
  expect(await query(moved, 'select * from kept')).toEqual([]);
  await moved.stop();
  await rm((await findCluster(dataFolder))!, { recursive: true });
  await expect(start()).rejects.toMatchObject({ code: 'DATA_MISSING' });
});

test('data of a newer version is refused', async () => {
  const server = await start();
  await server.stop();
  const version = path.join((await findCluster(dataFolder))!, 'PG_VERSION');
  await writeFile(version, '19\n');
  await expect(start()).rejects.toMatchObject({ code: 'DATA_NEWER' });
  await writeFile(version, '17\n');
  await expect(start()).rejects.toMatchObject({ code: 'DATA_OLDER' });
  await writeFile(path.join(dataFolder, 'format'), '2\n');
  await expect(start()).rejects.toMatchObject({ code: 'DATA_NEWER' });
});

test('what the server says in trouble reaches the log, what clients do wrong does not', async () => {
  const server = await start();
  await expect(query(server, 'select broken')).rejects.toMatchObject({ code: '42703' });
  const url = new URL(server.url('absent'));
  await expect(new Client({ connectionString: url.href }).connect()).rejects.toMatchObject({ code: '3D000' });
  expect(await waitUntil(() => lines.some((line) => line.includes('3D000')), 2000)).toBe(true);
  expect(lines.some((line) => line.includes('broken'))).toBe(false);
});
