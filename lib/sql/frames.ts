import { DatabaseError, type Client } from 'pg';
import type { Socket } from 'node:net';
import { CodedError } from '../error/index.ts';
import { sqlErrors } from './errors.ts';

/** A message larger than this is refused before memory is given to it; the server allows a row of 1 GiB. */
const frameBytesMax = 64 * 1024 * 1024;
const headerBytes = 5;
const errorMessage = 0x45; // 'E'
const copyData = 0x64; // 'd'
const readyForQuery = 0x5a; // 'Z'

/** What `pg` has of a connection and does not declare. */
interface Wire {
  readonly stream: Socket;
  query(text: string): void;
}

export interface FramesOptions {
  /** One CopyData message: `bytes[start..end)`, valid only during the call. */
  onData(bytes: Buffer, start: number, end: number): void;
  /** The statement is over: an error of the server or the connection, or undefined. Called once. */
  onEnd(error: Error | undefined): void;
}

/**
 * Takes over a connected, idle client for one COPY or replication statement and reads the messages off its
 * socket where they lie: no object and no copy for each row (PostgreSQL documentation, "Message Formats").
 * The client can do nothing else afterwards.
 */
export class Frames {
  readonly #stream: Socket;
  readonly #options: FramesOptions;
  /** The first bytes of a message that goes on in the next chunk. */
  #part = Buffer.alloc(0);
  #partBytes = 0;
  #error: Error | undefined;
  #isOver = false;

  constructor(client: Client, statement: string, options: FramesOptions) {
    const wire = (client as unknown as { connection: Wire }).connection;
    this.#stream = wire.stream;
    this.#options = options;
    this.#stream.removeAllListeners('data');
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#stream.on('error', (error) => this.#end(error));
    this.#stream.on('close', () => this.#end(new Error('Connection terminated unexpectedly')));
    wire.query(statement);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Sends one CopyData message. */
  send(payload: Buffer): void {
    if (!this.#stream.writable) return;
    const header = Buffer.allocUnsafe(headerBytes);
    header[0] = copyData;
    header.writeUInt32BE(payload.length + 4, 1);
    this.#stream.write(Buffer.concat([header, payload]));
  }

  /** Gives the connection up at once, with this as the reason. */
  destroy(error: Error | undefined): void {
    this.#end(error);
  }

  #read(chunk: Buffer): void {
    let at = 0;
    while (!this.#isOver && this.#partBytes > 0 && at < chunk.length) at = this.#complete(chunk, at);
    while (!this.#isOver && at < chunk.length) {
      const left = chunk.length - at;
      const end = left < headerBytes ? Infinity : at + this.#frameBytes(chunk, at);
      if (end > chunk.length) return this.#keep(chunk, at, left < headerBytes ? headerBytes : end - at);
      this.#take(chunk, at, end);
      at = end;
    }
  }

  /** Adds to the message under way; answers where the next begins. */
  #complete(chunk: Buffer, at: number): number {
    const next = Math.min(chunk.length, at + this.#part.length - this.#partBytes);
    chunk.copy(this.#part, this.#partBytes, at, next);
    this.#partBytes += next - at;
    if (this.#partBytes < this.#part.length) return next;
    const part = this.#part;
    const bytes = this.#frameBytes(part, 0);
    if (bytes > part.length) {
      this.#part = Buffer.allocUnsafe(bytes);
      part.copy(this.#part);
      return next;
    }
    this.#partBytes = 0;
    this.#take(part, 0, bytes);
    return next;
  }

  #keep(chunk: Buffer, at: number, bytes: number): void {
    if (this.#isOver) return;
    this.#part = Buffer.allocUnsafe(bytes);
    this.#partBytes = chunk.copy(this.#part, 0, at);
  }

  #frameBytes(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at + 1);
    if (length >= 4 && length <= frameBytesMax) return length + 1;
    this.#end(new CodedError(sqlErrors, 'COPY_MALFORMED', { detail: `a message of ${length} bytes` }));
    return headerBytes;
  }

  #take(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at];
    if (type === copyData) {
      try {
        this.#options.onData(bytes, at + headerBytes, end);
      } catch (error) {
        this.#end(error as Error);
      }
    } else if (type === errorMessage) {
      const error = parseError(bytes, at + headerBytes, end);
      this.#error = error;
      // A walsender that is told to stop says so and closes without becoming ready.
      if (error.code?.startsWith('57P0')) this.#end(error);
    } else if (type === readyForQuery) this.#end(this.#error);
  }

  #end(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.destroy();
    this.#options.onEnd(error);
  }
}

/** ErrorResponse: fields of one type byte and a zero-terminated text, up to a zero. */
function parseError(bytes: Buffer, start: number, end: number): DatabaseError {
  const fields = new Map<string, string>();
  let at = start;
  while (at < end && bytes[at] !== 0) {
    const stop = bytes.indexOf(0, at + 1);
    if (stop === -1 || stop >= end) break;
    fields.set(String.fromCharCode(bytes[at]), bytes.toString('utf8', at + 1, stop));
    at = stop + 1;
  }
  const error = new DatabaseError(fields.get('M') ?? 'unknown', end - start, 'error');
  error.code = fields.get('C');
  error.severity = fields.get('S');
  error.detail = fields.get('D');
  return error;
}
