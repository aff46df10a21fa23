import { Breakers } from '@gala/lib/breaker';
import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { coordMigrations, openPostgresCoord } from '@gala/lib/coord';
import { waitUntil } from '@gala/lib/lifecycle';
import { createMetrics, type Metrics } from '@gala/lib/metrics';
import { createRpc, type Rpc } from '@gala/lib/rpc';
import { openSql, type Database, type OpenSql } from '@gala/lib/sql';
import { openWire, startTestPostgres, type TestPostgres, type Wire } from '@gala/lib/sql/testing';
import { composeRoomId, composeUserId, shardOfRoom } from '@gala/protocol/ids';
import { ReaderService } from '@gala/protocol/reader';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig, roomSection } from '../config.ts';
import { planRoom, type Host } from '../room.ts';
import { insertHost } from '../store/hosts.ts';
import { insertRoom } from '../store/rooms.ts';
import { migrations } from '../store/schema.ts';
import { DbReader } from './db-reader.ts';
import { ReaderClient } from './reader-client.ts';
import { createReaderHandlers } from './routes.ts';

const cleanUp = new AsyncDisposableStack();
const config = readConfig(loadSettings([roomSection], { env: {} }));
const roomCount = 300;
const hostIds = Array.from({ length: roomCount }, (_, index) => composeUserId(3, index + 1));
const roomIds = hostIds.map((hostId) => composeRoomId(hostId, 1));
let postgres: TestPostgres;
let wire: Wire;
/** A database of the readers lies behind a wire that can be cut. */
let sql: OpenSql;
let readers: Metrics[];
let callers: ReaderClient[];

beforeAll(async () => {
  postgres = cleanUp.use(await startTestPostgres({ sets: [coordMigrations, ...migrations] }));
  const { logger, urls } = postgres;
  wire = cleanUp.use(await openWire(urls.shards[0]));
  const wired = { ...urls, shards: [wire.url, ...urls.shards.slice(1)] };
  const metrics = createMetrics('sql');
  const options = {
    urls: wired,
    connectionsMax: 12,
    processName: 'reader',
    logger,
    metrics,
    clock: systemClock,
  };
  sql = cleanUp.use(await openSql(options));
  for (const hostId of hostIds) await begin(hostId);
  readers = await Promise.all([openReader('reader-1'), openReader('reader-2')]);
  callers = await Promise.all(Array.from({ length: 8 }, (_, index) => openCaller(`caller-${index}`)));
}, 60_000);
afterAll(() => cleanUp.disposeAsync());

async function openProcess(memberId: string): Promise<{ rpc: Rpc; metrics: Metrics }> {
  const { logger } = postgres;
  const metrics = createMetrics(memberId);
  const base = { processId: memberId, clock: systemClock, logger, metrics };
  const coord = cleanUp.use(await openPostgresCoord({ ...base, database: postgres.sql.core() }));
  const network = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1', port: 0, portSetting: 'rpc.port' };
  const rpc = cleanUp.use(createRpc({ ...network, memberId, clusterToken: 'token', coord, logger, metrics }));
  return { rpc, metrics };
}

async function openReader(memberId: string): Promise<Metrics> {
  const { rpc, metrics } = await openProcess(memberId);
  const breakers = new Breakers({ clock: systemClock, logger: postgres.logger, metrics });
  const reader = new DbReader({ sql, clock: systemClock, metrics, breakers, config });
  cleanUp.use(await rpc.serve(ReaderService, createReaderHandlers(reader)));
  return metrics;
}

/** Knows both readers before it asks. */
async function openCaller(memberId: string): Promise<ReaderClient> {
  const { rpc } = await openProcess(memberId);
  const knowsBoth = async () => (await rpc.members(ReaderService)).length === 2;
  await waitUntil(knowsBoth, { timeoutMs: 10_000, what: 'both readers' });
  return new ReaderClient({ rpc, sql: postgres.sql });
}

async function begin(hostId: number): Promise<void> {
  const host: Host = {
    hostId,
    name: `host${hostId}`,
    title: 'a show',
    visibility: 'public',
    streamKeyHash: Buffer.alloc(32),
    streamKeyVersion: 1,
    sessionCount: 1,
    createdAtMs: 5,
    media: { record: true, forwardUrls: ['rtmp://127.0.0.1/x'], sourceUrl: '' },
    areaId: 'games',
    announcement: 'at eight',
    announcedAtMs: 6,
    version: 1,
  };
  const plan = { session: 1, title: 'a show', visibility: 'public', nowMs: 7 } as const;
  await postgres.sql.tx(shardOfRoom(composeRoomId(hostId, 1)), async (client) => {
    await insertHost(client, host);
    await insertRoom(client, { ...planRoom(host, plan), state: 'live', epoch: 3, edgeId: 'media-1' });
  });
}

async function sum(counter: string): Promise<number> {
  const texts = await Promise.all(readers.map((metrics) => metrics.text()));
  const values = texts.map((text) =>
    Number(new RegExp(`^${counter}_total\\{.*\\} (\\d+)$`, 'm').exec(text)?.[1]),
  );
  return values.reduce((total, value) => total + value, 0);
}

const databaseOf = (roomId: number) => postgres.sql.shard(shardOfRoom(roomId)).name;

test('ten thousand misses of eight callers at once are one read of the database', async () => {
  const [roomId] = roomIds;
  const before = await sum('gala_reader_room_statements');
  const asked = callers.flatMap((caller) => Array.from({ length: 1250 }, () => caller.room(roomId)));
  const rooms = await Promise.all(asked);
  expect(rooms).toHaveLength(10_000);
  expect(rooms.every((room) => room?.roomId === roomId && room.epoch === 3)).toBe(true);
  expect((await sum('gala_reader_room_statements')) - before).toBe(1);
});

test('what one caller asks for in a turn is one statement for each reader and database', async () => {
  const before = await sum('gala_reader_room_statements');
  const keysBefore = await sum('gala_reader_room_keys');
  const rooms = await Promise.all(roomIds.map((roomId) => callers[0].room(roomId)));
  expect(rooms.map((room) => room?.roomId)).toEqual(roomIds);
  expect((await sum('gala_reader_room_keys')) - keysBefore).toBe(roomCount);
  expect((await sum('gala_reader_room_statements')) - before).toBeLessThanOrEqual(4);
});

test('a room comes as the database has it, and a host without what proves his key', async () => {
  const [roomId] = roomIds;
  const direct = new DbReader({ sql: postgres.sql, ...directParts() });
  expect(await callers[1].room(roomId)).toEqual(await direct.room(roomId));
  const { streamKeyHash, ...profile } = (await direct.host(hostIds[0])) as Host;
  expect(streamKeyHash).toHaveLength(32);
  expect(await callers[1].host(hostIds[0])).toEqual(profile);
  expect(await callers[1].room(composeRoomId(composeUserId(9, 9), 9))).toBeUndefined();
  expect(await callers[1].host(composeUserId(9, 9))).toBeUndefined();
});

function directParts() {
  const metrics = createMetrics('direct');
  const breakers = new Breakers({ clock: systemClock, logger: postgres.logger, metrics });
  return { clock: systemClock, metrics, breakers, config };
}

test('a reader that knows an old map finds a shard where it is now', async () => {
  const roomId = roomIds.find((id) => databaseOf(id) === 's1')!;
  const shard = shardOfRoom(roomId);
  const [here, there] = ['s1', 's0'].map((name) => postgres.sql.shards().find((one) => one.name === name)!);
  const stale = await postgres.openSql('stale');
  const direct = new DbReader({ sql: stale, ...directParts() });
  await move(shard, here, there);
  expect(await direct.room(roomId)).toMatchObject({ roomId, title: 'a show' });
  await move(shard, there, here);
  expect(await direct.room(roomId)).toMatchObject({ roomId, title: 'a show' });
});

/** Hosts and rooms of a shard from one database to another, and the map with them. */
async function move(shard: number, from: Database, to: Database): Promise<void> {
  for (const table of ['room_host', 'room']) {
    const { rows } = await from.pool.query<{ row: object }>(
      `select to_jsonb(t) as row from ${table} t where shard = $1`,
      [shard],
    );
    const text = `insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1)`;
    await to.pool.query(text, [JSON.stringify(rows.map(({ row }) => row))]);
  }
  await to.pool.query('insert into shard_owner (shard, map_version) values ($1, 2)', [shard]);
  await from.pool.query('delete from shard_owner where shard = $1', [shard]);
  await from.pool.query('delete from room where shard = $1', [shard]);
  await from.pool.query('delete from room_host where shard = $1', [shard]);
  const owners = { s0: [0, 0, 511], s1: [1, 512, 1023] } as const;
  const others = [...Array(512).keys()].map((each) => each + 512).filter((each) => each !== shard);
  const ranges =
    to.name === 's1'
      ? Object.values(owners)
      : [owners.s0, [0, shard, shard], ...others.map((each) => [1, each, each])];
  await postgres.sql
    .core()
    .pool.query(`update coord_record set version = version + 1, value = $1 where key = 'sql/shard-map'`, [
      JSON.stringify({ ranges }),
    ]);
}

test('a database that hangs fails only its own rooms, and after a while at once', async () => {
  const [hung, sound] = ['s0', 's1'].map((name) => roomIds.filter((roomId) => databaseOf(roomId) === name));
  wire.cut();
  const failing = Promise.allSettled(hung.slice(0, 20).map((roomId) => callers[2].room(roomId)));
  const startedAt = performance.now();
  const rooms = await Promise.all(sound.map((roomId) => callers[2].room(roomId)));
  expect(performance.now() - startedAt).toBeLessThan(1500);
  expect(rooms.every((room) => room?.state === 'live')).toBe(true);
  for (const one of await failing)
    expect(one).toMatchObject({
      status: 'rejected',
      reason: { http: expect.toSatisfy((http: number) => http >= 500) },
    });
  const refused = async () => {
    const askedAt = performance.now();
    const failure = await callers[3].room(hung[0]).then(String, (error: Error) => error.message);
    return failure.includes('BREAKER_OPEN') && performance.now() - askedAt < 500;
  };
  await expect.poll(refused, { timeout: 30_000 }).toBe(true);
  expect(await callers[3].room(sound[0])).toMatchObject({ state: 'live' });
}, 60_000);
