import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyBinary, coversAllShards } from './copy.ts';
import { openWire, startTestPostgres, type TestPostgres } from './testing/index.ts';
import { openDatabase } from './pool.ts';
import { logicalShardCount } from './types.ts';

let postgres: TestPostgres;

const columns = { id: 'int8', viewers: 'int4', shard: 'int2', live: 'bool', title: 'bytes' } as const;
const list = 'id, viewers, shard, live, title';

beforeAll(async () => {
  postgres = await startTestPostgres();
  const { pool } = postgres.sql.shards()[0];
  await pool.query(`
    create table show (id bigint not null, viewers int not null, shard smallint not null, live bool not null, title text);
    insert into show select 9007199254740991 - i * 3, i - 2500, i % 1024 - 512, i % 3 = 0,
      repeat('größer ', i % 40) || case when i = 77 then repeat('x', 300000) else '' end
    from generate_series(1, 5000) i`);
}, 60_000);
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

test('columns of every type come as they are, whatever chunks they travel in', async () => {
  const [database] = postgres.sql.shards();
  const select = `select ${list} from show order by id`;
  const { parts } = await copyBinary(database, { selects: [select], columns });
  const [{ rows, columns: copied }] = parts;
  const { rows: expected } = await database.pool.query<Record<string, unknown>>(select);
  const { bytes, offsets } = copied.title;
  const shown = Array.from({ length: rows }, (_, i) => ({
    id: copied.id[i],
    viewers: copied.viewers[i],
    shard: copied.shard[i],
    live: copied.live[i] === 1,
    title: bytes.toString('utf8', offsets[i], offsets[i + 1]),
  }));
  expect(shown).toEqual(expected);
});

test('several connections see one snapshot under writes, and tell which shards it had', async () => {
  const [database] = postgres.sql.shards();
  const stop = new AbortController();
  const writer = (async () => {
    // Each statement keeps the sum over both halves as it is.
    while (!stop.signal.aborted) {
      await database.pool.query(
        'update show set viewers = viewers + case when shard < 0 then 1 else -1 end where id in (select max(id) from show group by shard < 0)',
      );
    }
  })();
  const sums = new Set<number>();
  for (let turn = 0; turn < 10; turn++) {
    const { parts, shards } = await copyBinary(database, {
      selects: ['select viewers from show where shard < 0', 'select viewers from show where shard >= 0'],
      columns: { viewers: 'int4' },
    });
    expect(parts.map(({ rows }) => rows).reduce((sum, rows) => sum + rows)).toBe(5000);
    sums.add(parts.flatMap((part) => [...part.columns.viewers]).reduce((sum, viewers) => sum + viewers, 0));
    expect(shards).toHaveLength(512);
  }
  stop.abort();
  await writer;
  expect(sums.size).toBe(1);
});

test('a scan is whole when each shard was owned once', () => {
  const shards = [...Array(logicalShardCount).keys()];
  expect(coversAllShards([{ shards: shards.slice(0, 9) }, { shards: shards.slice(9) }], 1024)).toBe(true);
  expect(coversAllShards([{ shards: shards.slice(0, 9) }, { shards: shards.slice(10) }], 1024)).toBe(false);
  expect(coversAllShards([{ shards: shards.slice(0, 9) }, { shards: shards.slice(8) }], 1024)).toBe(false);
});

test('an empty answer is no rows', async () => {
  const [database] = postgres.sql.shards();
  const { parts } = await copyBinary(database, {
    selects: [`select ${list} from show where id < 0`],
    columns,
  });
  expect(parts[0].rows).toBe(0);
  expect(parts[0].columns.title.bytes).toHaveLength(0);
});

test('nulls, other types, failed statements and too many bytes are refused, and leave no connection', async () => {
  const [database] = postgres.sql.shards();
  const copy = (select: string, bytesMax?: number) =>
    copyBinary(database, { selects: [select], columns: { id: 'int8' }, bytesMax });
  await expect(copy('select null::bigint')).rejects.toMatchObject({ code: 'COPY_MALFORMED' });
  await expect(copy('select 1::integer')).rejects.toMatchObject({ code: 'COPY_MALFORMED' });
  await expect(copy('select 1::bigint, 2')).rejects.toMatchObject({ code: 'COPY_MALFORMED' });
  await expect(copy('select id from nowhere')).rejects.toMatchObject({ code: '42P01' });
  await expect(copy('select id from show', 10_000)).rejects.toMatchObject({ code: 'COPY_TOO_LARGE' });
  await expect.poll(() => countOthers(), { timeout: 10_000 }).toBe(0);
});

async function countOthers(): Promise<number> {
  const text = `select count(*)::int as others from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and query like 'copy%'`;
  const { rows } = await postgres.sql.shards()[0].pool.query<{ others: number }>(text);
  return rows[0].others;
}

test('a server that goes silent or stops is given up', async () => {
  await using wire = await openWire(postgres.urls.shards[0]);
  await using behind = openDatabase({
    name: 's0',
    url: wire.url,
    connectionsMax: 1,
    processName: 'test',
    statementTimeoutMs: 1000,
    onFailure: () => undefined,
  });
  const copying = copyBinary(behind, {
    selects: ['select 1::bigint from pg_sleep(0.6)'],
    columns: { id: 'int8' },
    timeoutMs: 800,
  });
  setTimeout(wire.cut, 300);
  await expect(copying).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  const stopped = copyBinary(postgres.sql.shards()[0], {
    selects: ['select 1::bigint from pg_sleep(20)'],
    columns: { id: 'int8' },
  });
  const refused = expect(stopped).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  await expect.poll(async () => countOthers(), { timeout: 10_000 }).toBe(1);
  await postgres.stop();
  await refused;
  await postgres.start();
});
