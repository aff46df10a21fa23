import { escapeLiteral, type Client } from 'pg';
import { Frames, type Database } from '../sql/index.ts';
import { PgoutputDecoder, type Message } from './pgoutput.ts';

export interface ReplicationOptions {
  readonly database: Database;
  readonly slot: string;
  readonly publication: string;
  /** From `CREATE_REPLICATION_SLOT`; else the slot's own position. */
  readonly startLsn?: string;
  readonly values: 'text' | 'typed';
  /** A connection that made a temporary slot; else one is opened. */
  readonly client?: Client;
  onMessage(message: Message): void;
  /** The stream is over; undefined only after `close`. */
  onEnd(error: Error | undefined): void;
}

/** A walsender that hears nothing for 60 s (`wal_sender_timeout`) gives up. */
const statusEveryMs = 10_000;
const xlogData = 0x77; // 'w'
const keepalive = 0x6b; // 'k'
const dataHeaderBytes = 25;
const postgresEpochMs = 946_684_800_000;

/**
 * A logical replication stream (PostgreSQL documentation, "Streaming Replication Protocol"). The position that is
 * acknowledged is exact: the end of a commit that was taken, or what a keepalive names while nothing is under way.
 * One byte more and a fast shutdown of the server would wait for this reader for ever.
 */
export class Replication {
  readonly #options: ReplicationOptions;
  readonly #decoder: PgoutputDecoder;
  readonly #frames: Frames;
  readonly #client: Client;
  readonly #timer: NodeJS.Timeout;
  /** End of the last commit that was handed out, and of the last that was taken. */
  #deliveredLsn = 0;
  #ackedLsn = 0;
  #isInTransaction = false;
  /** How far the server has sent, changes of ours or not. */
  #sentLsn = 0;

  private constructor(client: Client, options: ReplicationOptions) {
    const { slot, publication, startLsn = '0/0' } = options;
    this.#options = options;
    this.#client = client;
    this.#decoder = new PgoutputDecoder(options);
    const statement = `START_REPLICATION SLOT "${slot}" LOGICAL ${startLsn}
      (proto_version '1', publication_names ${escapeLiteral(publication)}, messages 'true')`;
    this.#timer = setInterval(() => this.#sendStatus(), statusEveryMs).unref();
    this.#frames = new Frames(client, statement, {
      onData: (bytes, start, end) => this.#read(bytes, start, end),
      onEnd: (error) => this.#over(error),
    });
  }

  /** Errors: those of the connection. What START_REPLICATION refuses comes to `onEnd` with its SQLSTATE. */
  static async open(options: ReplicationOptions): Promise<Replication> {
    const client = options.client ?? (await options.database.openReplication());
    return new Replication(client, options);
  }

  get sentLsn(): number {
    return this.#sentLsn;
  }

  pause(): void {
    this.#frames.pause();
  }

  resume(): void {
    this.#frames.resume();
  }

  /** All changes up to the end of this commit are where they shall be: the server may forget them. */
  acknowledge(endLsn: number): void {
    if (endLsn <= this.#ackedLsn) return;
    this.#ackedLsn = endLsn;
    this.#sendStatus();
  }

  close(error?: Error): void {
    this.#frames.destroy(error);
  }

  #read(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === xlogData) {
      this.#sentLsn = Math.max(this.#sentLsn, readLsn(bytes, start + 9));
      this.#take(this.#decoder.decode(bytes, start + dataHeaderBytes, end));
    } else if (bytes[start] === keepalive)
      this.#keepAlive(readLsn(bytes, start + 1), bytes[start + 17] === 1);
  }

  #take(message: Message): void {
    if (message.kind === 'begin') this.#isInTransaction = true;
    else if (message.kind === 'commit') {
      this.#isInTransaction = false;
      this.#deliveredLsn = message.endLsn;
    }
    this.#options.onMessage(message);
  }

  /** While nothing is under way the server's own position is ours: WAL of other databases is not kept for us. */
  #keepAlive(walEnd: number, wantsReply: boolean): void {
    this.#sentLsn = Math.max(this.#sentLsn, walEnd);
    const isIdle = !this.#isInTransaction && this.#ackedLsn >= this.#deliveredLsn;
    const isNews = isIdle && walEnd > this.#ackedLsn;
    if (isNews) this.#ackedLsn = walEnd;
    if (isNews || wantsReply) this.#sendStatus();
  }

  #sendStatus(): void {
    const status = Buffer.alloc(34);
    status[0] = 0x72; // 'r'
    for (const at of [1, 9, 17]) writeLsn(status, this.#ackedLsn, at);
    writeLsn(status, (Date.now() - postgresEpochMs) * 1000, 25);
    this.#frames.send(status);
  }

  #over(error: Error | undefined): void {
    clearInterval(this.#timer);
    // Its socket is closed already.
    this.#client.end(() => undefined);
    this.#options.onEnd(error);
  }
}

/** `16/B374D848` as one number. */
export function parseLsn(text: string): number {
  const [high, low] = text.split('/');
  return Number.parseInt(high, 16) * 4_294_967_296 + Number.parseInt(low, 16);
}

export function formatLsn(lsn: number): string {
  const high = Math.floor(lsn / 4_294_967_296);
  return `${high.toString(16).toUpperCase()}/${(lsn - high * 4_294_967_296).toString(16).toUpperCase()}`;
}

function readLsn(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4);
}

function writeLsn(bytes: Buffer, lsn: number, at: number): void {
  const high = Math.floor(lsn / 4_294_967_296);
  bytes.writeUInt32BE(high, at);
  bytes.writeUInt32BE(lsn - high * 4_294_967_296, at + 4);
}
