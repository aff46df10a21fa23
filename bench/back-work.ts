// The slow work of a `back` process, over and over until it is ended: `node bench/back-work.ts <database URL>`.
import { Client } from 'pg';

const rowCount = 2_000_000;
const sortCount = 100_000;

interface Row {
  readonly room: number;
  readonly viewers: number;
  readonly title: string;
}

const client = new Client({ connectionString: process.argv[2] });
await client.connect();
await client.query(`create unlogged table if not exists bench_room as
  select n as room, (n::bigint * 7919 % 100003)::int as viewers, 'title of room ' || n as title, n % 20 = 0 as live
  from generate_series(1, ${rowCount}) n`);
console.log('working');

let rounds = 0;
for (;;) {
  const { rows } = await client.query<Row>(
    'select room, viewers, title from bench_room where live order by title',
  );
  if (rows.length !== sortCount) throw new Error(`${rows.length} rows`);
  const sorted = rows.toSorted((a, b) => b.viewers - a.viewers || a.title.localeCompare(b.title));
  if (sorted[0].viewers < sorted[sortCount - 1].viewers) throw new Error('not sorted');
  console.log(`round ${++rounds}`);
}
