import { parseArgs } from 'node:util';
import { systemClock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { moveShard } from '@gala/lib/shards';
import { openSql, readShardMap, type OpenSql } from '@gala/lib/sql';
import { dataFolderPath } from './data-folder.ts';
import { findDatabases } from './database.ts';
import { cliErrors } from './errors.ts';

const usage = 'gala shards list | gala shards move <n>[-<last>] --to s<database>';
const connectionsMax = 10;
const shardMax = 1023;

/** `gala shards`: where the logical shards are, and moving them while everything runs. */
export async function shards(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { to: { type: 'string' } },
  });
  const [verb, range = ''] = positionals;
  if (verb !== 'list' && verb !== 'move') throw new CodedError(cliErrors, 'USAGE', { detail: usage });
  const plan = verb === 'move' ? parseMove(range, values.to ?? '') : undefined;
  await using sql = await openSql({
    urls: await findDatabases(dataFolderPath()),
    connectionsMax,
    processName: 'gala shards',
    logger: createLogger({ name: 'shards', level: 'warn' }),
    metrics: createMetrics('shards'),
    clock: systemClock,
  });
  await (plan ? move(sql, plan) : list(sql));
}

interface Plan {
  readonly first: number;
  readonly last: number;
  readonly to: number;
}

function parseMove(range: string, to: string): Plan {
  const asked = /^(?<first>[0-9]{1,4})(?:-(?<last>[0-9]{1,4}))?$/.exec(range)?.groups;
  const target = /^s(?<index>[0-9]{1,4})$/.exec(to)?.groups;
  const first = Number(asked?.first);
  const last = Number(asked?.last ?? asked?.first);
  const isPlan = target && first <= last && last <= shardMax;
  if (!isPlan) throw new CodedError(cliErrors, 'USAGE', { detail: usage });
  return { first, last, to: Number(target.index) };
}

async function list(sql: OpenSql): Promise<void> {
  const { owners, version } = await readShardMap(sql.core().pool, sql.shards().length);
  console.log(`map ${version}`);
  for (const [index, { name, pool }] of sql.shards().entries()) {
    const mine = [...owners.keys()].filter((shard) => owners[shard] === index);
    const { rows } = await pool.query<{ id: number }>('select id from shard_arrival order by id');
    const arriving = rows.length > 0 ? `, half moved here: ${rows.map(({ id }) => id).join(' ')}` : '';
    console.log(`${name}  ${mine.length} shards: ${rangesOf(mine)}${arriving}`);
  }
}

function rangesOf(shardsOfOne: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const shard of shardsOfOne) {
    const range = ranges.at(-1);
    if (range && range.last === shard - 1) range.last = shard;
    else ranges.push({ first: shard, last: shard });
  }
  return ranges.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(' ');
}

/** One after the other; what has moved stays so when a later one fails. */
async function move(sql: OpenSql, { first, last, to }: Plan): Promise<void> {
  for (let shard = first; shard <= last; shard++) {
    const { from, rows, changes, copyMs, fenceMs } = await moveShard({ sql, shard, to });
    const told = from === to ? 'is there' : `from s${from}: ${rows} rows, ${changes} changed meanwhile`;
    const times =
      from === to ? '' : `, copied in ${copyMs.toFixed(0)} ms, writers waited ${fenceMs.toFixed(0)} ms`;
    console.log(`shard ${shard} to s${to} ${told}${times}`);
  }
}
