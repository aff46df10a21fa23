import { CodedError } from '@gala/lib/error';
import { PartialBytes } from '@gala/media/bytes';
import { fenceErrors } from './errors.ts';

/**
 * What passes between a process and its native child, both ways, over two pipes. On the wire, big endian:
 * kind (1 byte), channel (1), time (6, whole milliseconds), size of the body (4), body.
 */
export interface FenceMessage {
  readonly kind: FenceKind;
  /** Which of several streams or requests it is about. */
  readonly channel: number;
  /** 0 .. 2^48 - 1. */
  readonly timestampMs: number;
  readonly body: Buffer;
}

const kindNumbers = { audio: 1, video: 2, data: 3, control: 4 } as const;
const kinds: ReadonlyMap<number, FenceKind> = new Map(
  Object.entries(kindNumbers).map(([kind, number]) => [number, kind as FenceKind]),
);
const headerBytes = 12;
/** As large as the largest message that RTMP brings us, and larger than any JPEG. */
const bodyBytesMax = 16 * 1024 * 1024;
const empty = Buffer.alloc(0);

export type FenceKind = keyof typeof kindNumbers;

/** The header of a message; its body follows as it is, so that it need not be copied. */
export function encodeHeader({ kind, channel, timestampMs, body }: FenceMessage): Buffer {
  const header = Buffer.allocUnsafe(headerBytes);
  header[0] = kindNumbers[kind];
  header[1] = channel;
  header.writeUIntBE(timestampMs, 2, 6);
  header.writeUInt32BE(body.length, 8);
  return header;
}

/** A message whose body is a JSON value. */
export function controlMessage(value: object, channel = 0): FenceMessage {
  return { kind: 'control', channel, timestampMs: 0, body: Buffer.from(JSON.stringify(value)) };
}

/**
 * The JSON value of a control message.
 * @throws CodedError MESSAGE_INVALID
 */
export function controlValue({ body }: FenceMessage): Readonly<Record<string, unknown>> {
  const value = parseJson(body.toString());
  if (typeof value !== 'object' || value === null) throw invalid('no object');
  return value as Readonly<Record<string, unknown>>;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('no JSON');
  }
}

const invalid = (detail: string): CodedError => new CodedError(fenceErrors, 'MESSAGE_INVALID', { detail });

interface OpenMessage extends Omit<FenceMessage, 'body'> {
  readonly body: PartialBytes;
}

/**
 * Reads messages out of a pipe in any pieces: `append` bytes, then call `next` until it returns undefined. A body that
 * lies in one piece is not copied. Memory follows the bytes that arrive.
 */
export class FenceReader {
  #input: Buffer = empty;
  #open: OpenMessage | undefined;

  /** Memory held by an unfinished message. */
  get heldBytes(): number {
    return this.#input.length + (this.#open?.body.capacityBytes ?? 0);
  }

  /** Adds bytes; the buffer must not be changed afterwards. */
  append(bytes: Buffer): void {
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
  }

  /**
   * The next whole message, or undefined.
   * @throws CodedError MESSAGE_INVALID; the reader is then spent
   */
  next(): FenceMessage | undefined {
    if (this.#open) return this.#fill(this.#open);
    if (this.#input.length < headerBytes) return undefined;
    const kind = kinds.get(this.#input[0]);
    if (!kind) throw invalid(`kind ${this.#input[0]}`);
    const sizeBytes = this.#input.readUInt32BE(8);
    if (sizeBytes > bodyBytesMax) throw invalid(`${sizeBytes} bytes`);
    const head = { kind, channel: this.#input[1], timestampMs: this.#input.readUIntBE(2, 6) };
    this.#input = this.#input.subarray(headerBytes);
    if (this.#input.length >= sizeBytes) return { ...head, body: this.#take(sizeBytes) };
    return this.#fill((this.#open = { ...head, body: new PartialBytes(sizeBytes, this.#input.length) }));
  }

  #fill(open: OpenMessage): FenceMessage | undefined {
    const { body } = open;
    const bytes = this.#take(Math.min(body.missingBytes, this.#input.length));
    body.append(bytes, 0, bytes.length);
    if (body.missingBytes > 0) return undefined;
    this.#open = undefined;
    return { ...open, body: body.take() };
  }

  #take(sizeBytes: number): Buffer {
    const taken = this.#input.subarray(0, sizeBytes);
    this.#input = this.#input.subarray(sizeBytes);
    return taken;
  }
}
