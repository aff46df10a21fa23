import type { Connection, PoolClient, Submittable } from 'pg';
import { toSqlError } from './pool.ts';
import type { Database } from './types.ts';

/** What a message of the server brings. */
interface CopyData {
  readonly chunk: Buffer;
}

/**
 * Reads the few rows of `copy (…) to stdout (format binary)` over the pool: bytes come as bytes, where rows of the
 * ordinary protocol bring them as hex text. The statement takes no parameters. Scans of many rows are for
 * `copyBinary`. Errors: as those of the pool.
 */
export async function readBinaryRows(database: Database, text: string): Promise<BinaryRows> {
  const client = await database.pool.connect();
  let broken = true;
  try {
    const rows = await run(client, text);
    broken = false;
    return rows;
  } catch (error) {
    // An error of the statement itself leaves the connection as good as it was.
    broken = (error as { code?: string }).code === undefined;
    throw toSqlError(error);
  } finally {
    client.release(broken);
  }
}

function run(client: PoolClient, text: string): Promise<BinaryRows> {
  return new Promise((resolve, reject) => {
    const copy = new CopyOut(text);
    copy.callback = (error, bytes) =>
      error ? reject(error) : resolve(new BinaryRows(bytes ?? Buffer.alloc(0)));
    client.query(copy);
  });
}

/** One COPY on a connection, as `pg` asks of a query of its own making. */
class CopyOut implements Submittable {
  callback: (error: Error | null, bytes?: Buffer) => void = () => undefined;
  readonly #text: string;
  readonly #chunks: Buffer[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  submit(connection: Connection): void {
    connection.query(this.#text);
  }

  /** The chunk lies in a buffer that the parser uses again. */
  handleCopyData({ chunk }: CopyData): void {
    this.#chunks.push(Buffer.from(chunk));
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.callback(null, Buffer.concat(this.#chunks));
  }

  handleError(error: Error): void {
    this.callback(error);
    this.callback = () => undefined;
  }
}

const headerBytes = 19;

/** Rows of COPY's binary format (PostgreSQL, "COPY", file formats), field by field in the order of the statement. */
export class BinaryRows {
  readonly #bytes: Buffer;
  #at = headerBytes;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Steps to the next row; false after the last one. */
  next(): boolean {
    const fields = this.#bytes.length < this.#at + 2 ? -1 : this.#bytes.readInt16BE(this.#at);
    this.#at += 2;
    return fields !== -1;
  }

  int4(): number {
    return this.#field().readInt32BE();
  }

  int8(): number {
    const value = Number(this.#field().readBigInt64BE());
    if (!Number.isSafeInteger(value)) throw new RangeError(`int8 ${value} is no safe integer`);
    return value;
  }

  text(): string {
    return this.#field().toString();
  }

  /** A view into the whole answer: who keeps it long copies it. */
  bytes(): Buffer {
    return this.#field();
  }

  /** Null fields do not occur in what is read this way. */
  #field(): Buffer {
    const start = this.#at + 4;
    this.#at = start + this.#bytes.readInt32BE(this.#at);
    return this.#bytes.subarray(start, this.#at);
  }
}
