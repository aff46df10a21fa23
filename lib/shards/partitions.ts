import type { Client } from 'pg';
import { quoted } from './tables.ts';

interface Partition {
  readonly parent: string;
  readonly name: string;
  /** As `for values …`. */
  readonly bound: string;
}

const partitionsText = `
  select parent.relname as parent, child.relname as name, pg_get_expr(child.relpartbound, child.oid) as bound
  from pg_inherits join pg_class parent on parent.oid = inhparent join pg_class child on child.oid = inhrelid
  where parent.relkind = 'p' and parent.relnamespace = 'public'::regnamespace
  order by child.relname`;

/** Made by somebody else meanwhile. */
const duplicateTable = '42P07';

/**
 * Makes the partitions that the source has and the target lacks, so that each row has a place to arrive at. Whoever
 * drops partitions looks for arrivals first, so this comes after the arrival was announced.
 */
export async function makePartitions(source: Client, target: Client): Promise<void> {
  const { rows: wanted } = await source.query<Partition>(partitionsText);
  const { rows: there } = await target.query<Partition>(partitionsText);
  const known = new Set(there.map(({ name }) => name));
  for (const { parent, name, bound } of wanted) {
    if (known.has(name)) continue;
    const text = `create table ${quoted(name)} (like ${quoted(parent)} including defaults including constraints);
      alter table ${quoted(parent)} attach partition ${quoted(name)} ${bound}`;
    await target.query(text).catch((error: { code?: string }) => {
      if (error.code !== duplicateTable) throw error;
    });
  }
}
