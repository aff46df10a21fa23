import type { Relation, Row, Value } from './pgoutput.ts';

export type ChangeKind = 'insert' | 'update' | 'delete' | 'truncate' | 'gap';

/**
 * One committed change of a row as it stands in the log. The changes of a row are in order; after a failure
 * some come again, and those of a reader that has lost its lease have a smaller `fence` than what came before.
 */
export interface Change {
  /** `gap`: changes of this database are missing before here; whoever follows reads all its rows anew. */
  readonly kind: ChangeKind;
  /** Physical database. A moved shard goes on in another; the move itself is no change. */
  readonly database: string;
  /** Of the reader's lease. */
  readonly fence: number;
  /** Where the transaction's commit lies in the WAL of the database, and the change's place in it: grows. */
  readonly lsn: number;
  readonly index: number;
  readonly committedAtMs: number;
  readonly table: string;
  /**
   * After the change; of a deleted row its key. A column that is absent is large and was not changed. bytea is
   * hexadecimal text. Empty for `gap` and `truncate`.
   */
  readonly row: Readonly<Record<string, string | number | boolean | null>>;
  /** What the key was when the update changed it. */
  readonly key?: Change['row'];
  /** The row is larger than a record may be: only its key is here, the rest is to be read from the database. */
  readonly isCut?: true;
}

/** A record's bytes; the topic's own bound may be smaller than a row. */
export const changeBytesMax = 256 * 1024;

export function encodeChange(change: Change): Buffer {
  return Buffer.from(JSON.stringify(change));
}

export function decodeChange(value: Buffer): Change {
  return JSON.parse(value.toString('utf8')) as Change;
}

/** Column by name; `isKeyOnly` leaves out what is not in the key. */
export function namedRow({ columns }: Relation, row: Row, isKeyOnly = false): Change['row'] {
  const named: Record<string, string | number | boolean | null> = {};
  for (let i = 0; i < columns.length; i++) {
    const value: Value = row[i];
    if (value === undefined || (isKeyOnly && !columns[i].isKey)) continue;
    named[columns[i].name] = Buffer.isBuffer(value) ? value.toString('hex') : value;
  }
  return named;
}
