import { connect, type Socket } from 'node:net';
import { waitUntil } from '../../timing/index.ts';

export interface Frame {
  readonly fin: boolean;
  /** The three reserved bits. */
  readonly reserved: number;
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface FrameTraits {
  readonly fin?: boolean;
  readonly reserved?: number;
  readonly masked?: boolean;
  readonly mask?: readonly number[];
  /** Bytes of the length field, however short the payload is. */
  readonly lengthBytes?: 1 | 2 | 8;
}

/** A frame as clients send it (RFC 6455, 5.2), or as they must not. */
export function clientFrame(opcode: number, payload: Buffer | string = '', traits: FrameTraits = {}): Buffer {
  const bytes = Buffer.from(payload);
  const { fin = true, reserved = 0, masked = true, mask = [0x37, 0xfa, 0x21, 0x3d] } = traits;
  const { lengthBytes = bytes.length < 126 ? 1 : bytes.length < 65_536 ? 2 : 8 } = traits;
  const length = Buffer.alloc(lengthBytes === 1 ? 1 : 1 + lengthBytes);
  if (lengthBytes === 1) length[0] = bytes.length;
  else if (lengthBytes === 2) length.writeUInt16BE(bytes.length, 1);
  else length.writeBigUInt64BE(BigInt(bytes.length), 1);
  if (lengthBytes > 1) length[0] = lengthBytes === 2 ? 126 : 127;
  if (masked) length[0] |= 0x80;
  const head = Buffer.of((fin ? 0x80 : 0) | (reserved << 4) | opcode);
  const body = masked ? Buffer.from(bytes.map((byte, index) => byte ^ mask[index % 4])) : bytes;
  return Buffer.concat([head, length, Buffer.from(masked ? mask : []), body]);
}

export function closePayload(code: number, reason: Buffer | string = ''): Buffer {
  return Buffer.concat([Buffer.of(code >> 8, code & 255), Buffer.from(reason)]);
}

const waiting = { timeoutMs: 10_000, intervalMs: 1 };

const handshake = {
  Host: 'peer',
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A bare socket that speaks WebSocket byte by byte, and reads what a server sends. */
export class RawPeer implements Disposable {
  readonly socket: Socket;
  head = '';
  readonly frames: Frame[] = [];
  closed = false;
  #unread: Buffer = Buffer.alloc(0);

  private constructor(port: number) {
    this.socket = connect(port, '127.0.0.1').on('error', () => undefined);
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('data', (bytes: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, bytes]);
      this.#read();
    });
  }

  /** Sends a handshake with these headers (an empty one is left out) and, in the same packet, `behind`. */
  static async open(
    port: number,
    headers: Readonly<Record<string, string>> = {},
    behind: Buffer = Buffer.alloc(0),
  ): Promise<RawPeer> {
    const peer = new RawPeer(port);
    const lines = Object.entries({ ...handshake, ...headers })
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name}: ${value}\r\n`);
    peer.socket.write(Buffer.concat([Buffer.from(`GET / HTTP/1.1\r\n${lines.join('')}\r\n`), behind]));
    await waitUntil(() => peer.head !== '', waiting);
    return peer;
  }

  get status(): number {
    return Number(this.head.slice(9, 12));
  }

  /** The status that the server closed with; undefined while it has not, 1005 for none. */
  get closeCode(): number | undefined {
    const close = this.frames.find(({ opcode }) => opcode === 8);
    if (!close) return undefined;
    return close.payload.length === 0 ? 1005 : close.payload.readUInt16BE();
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Waits for so many frames. */
  async read(count: number): Promise<Frame[]> {
    await waitUntil(() => this.frames.length >= count, waiting);
    return this.frames;
  }

  async untilClosed(): Promise<number | undefined> {
    await waitUntil(() => this.closed, waiting);
    return this.closeCode;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #read(): void {
    const end = this.#unread.indexOf('\r\n\r\n');
    if (this.head === '' && end < 0) return;
    if (this.head === '') {
      this.head = this.#unread.toString('latin1', 0, end);
      this.#unread = this.#unread.subarray(end + 4);
    }
    while (this.#readFrame());
  }

  #readFrame(): boolean {
    const bytes = this.#unread;
    if (this.status !== 101 || bytes.length < 2) return false;
    const short = bytes[1] & 127;
    const start = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < start) return false;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < start + length) return false;
    const payload = bytes.subarray(start, start + length);
    const [first] = bytes;
    this.frames.push({ fin: first >= 128, reserved: (first >> 4) & 7, opcode: first & 15, payload });
    this.#unread = bytes.subarray(start + length);
    return true;
  }
}
