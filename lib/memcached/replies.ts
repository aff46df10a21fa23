import { CodedError } from '../error/index.ts';
import { peerErrors } from './errors.ts';

/** One answer of the meta protocol (memcached, doc/protocol.txt "Meta Commands"). */
export interface Reply {
  /** `VA` with a value, `HD` done, `EN` not there, `NS` not stored, `EX` changed meanwhile, `NF` not found … */
  readonly status: string;
  /** What stands behind the status: `t59 c17`. */
  readonly flags: string;
  /** Of `VA`; memory of its own. */
  readonly value: Buffer | undefined;
}

/** No line that we ask for is longer. */
const lineBytesMax = 2048;
/** Memcached may be told to keep items beyond 1 MiB; nobody of ours stores one. */
const valueBytesMax = 8 * 1024 * 1024;
const lineEnd = 10;
const statuses = new Set(['HD', 'EN', 'NS', 'EX', 'NF', 'MN', 'OK', 'SERVER_ERROR']);
const empty = Buffer.alloc(0);

/** Cuts a stream of bytes into replies, however it is chunked. Errors: PEER_PROTOCOL, after which it is of no use. */
export class ReplyParser {
  readonly #onReply: (reply: Reply) => void;
  /** A line that has begun. */
  #line = empty;
  /** A value that is awaited with its line end, as far as `#filled`. */
  #value: Buffer | undefined;
  #filled = 0;
  #flags = '';

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length)
      at = this.#value ? this.#fill(this.#value, chunk, at) : this.#readLine(chunk, at);
  }

  #readLine(chunk: Buffer, from: number): number {
    const end = chunk.indexOf(lineEnd, from);
    const part = chunk.subarray(from, end === -1 ? chunk.length : end);
    if (this.#line.length + part.length > lineBytesMax) throw protocolError('a line that does not end');
    if (end === -1) {
      this.#line = Buffer.concat([this.#line, part]);
      return chunk.length;
    }
    const line = this.#line.length === 0 ? part : Buffer.concat([this.#line, part]);
    this.#line = empty;
    this.#take(line.toString('latin1', 0, line.length - 1));
    return end + 1;
  }

  #take(line: string): void {
    const space = line.indexOf(' ');
    const status = space === -1 ? line : line.slice(0, space);
    const flags = space === -1 ? '' : line.slice(space + 1);
    if (status === 'VA') this.#beginValue(flags);
    else if (statuses.has(status)) this.#onReply({ status, flags, value: undefined });
    else throw protocolError(status.slice(0, 20));
  }

  #beginValue(sizeAndFlags: string): void {
    const size = Number.parseInt(sizeAndFlags, 10);
    if (!(size >= 0 && size <= valueBytesMax)) throw protocolError('a value of an unlikely size');
    const space = sizeAndFlags.indexOf(' ');
    this.#flags = space === -1 ? '' : sizeAndFlags.slice(space + 1);
    // Not of the shared pool: a small value that is kept for long must not keep what was read beside it.
    this.#value = Buffer.allocUnsafeSlow(size + 2);
    this.#filled = 0;
  }

  #fill(value: Buffer, chunk: Buffer, from: number): number {
    const copied = chunk.copy(value, this.#filled, from);
    this.#filled += copied;
    if (this.#filled < value.length) return from + copied;
    if (value[value.length - 1] !== lineEnd) throw protocolError('a value without its end');
    this.#value = undefined;
    this.#onReply({ status: 'VA', flags: this.#flags, value: value.subarray(0, -2) });
    return from + copied;
  }
}

function protocolError(detail: string): CodedError {
  return new CodedError(peerErrors, 'PEER_PROTOCOL', { detail });
}

/** The flag that begins with `letter`, as a number: 59 of `t` in `t59 c17`. */
export function numberFlag(flags: string, letter: string): number | undefined {
  const flag = flags.split(' ').find((part) => part.startsWith(letter));
  return flag === undefined ? undefined : Number(flag.slice(1));
}

/** The flag that begins with `letter`, as text: CAS numbers have 64 bits. */
export function textFlag(flags: string, letter: string): string | undefined {
  return flags
    .split(' ')
    .find((part) => part.startsWith(letter))
    ?.slice(1);
}
