import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Receiver } from 'ws';
import type { Viewer } from './viewer.ts';

const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Viewers have nothing to say but pings and the close. */
const messageBytesMax = 1024;
/** What a viewer may send per second of its life on average, and at once. */
const bytesPerSecondMax = 4096;

/**
 * Answers a WebSocket handshake (RFC 6455, 4.2.2). False, with nothing written, when the request is not one
 * that we can take.
 */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex): boolean {
  const key = request.headers['sec-websocket-key'];
  const isValid =
    request.method === 'GET' &&
    request.headers.upgrade?.toLowerCase() === 'websocket' &&
    request.headers['sec-websocket-version'] === '13' &&
    key !== undefined &&
    /^[A-Za-z0-9+/]{22}==$/.test(key);
  if (!isValid) return false;
  const accept = createHash('sha1')
    .update(key + acceptGuid)
    .digest('base64');
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  return true;
}

/**
 * Reads what a WebSocket viewer sends: answers pings and the close; ends the connection on a protocol error and
 * on a flood, and tells that. The parser is made with the first byte, since most viewers never send one.
 */
export function watchControlFrames(viewer: Viewer, socket: Duplex, onMalformed: () => void): void {
  let frames: ControlFrames | undefined;
  socket.on('data', (bytes: Buffer) => {
    frames ??= new ControlFrames(viewer, onMalformed);
    frames.push(bytes);
  });
}

class ControlFrames {
  readonly #viewer: Viewer;
  readonly #onMalformed: () => void;
  readonly #receiver = new Receiver({ isServer: true, maxPayload: messageBytesMax });
  #allowanceBytes = bytesPerSecondMax;
  #lastMs = performance.now();

  constructor(viewer: Viewer, onMalformed: () => void) {
    this.#viewer = viewer;
    this.#onMalformed = onMalformed;
    this.#receiver.on('ping', (data: Buffer) => viewer.socket.write(controlFrame(0x8a, data)));
    this.#receiver.on('conclude', (code: number) => viewer.end(controlFrame(0x88, closePayload(code))));
    this.#receiver.on('error', () => this.#fail());
  }

  push(bytes: Buffer): void {
    if (this.#viewer.closed) return;
    const nowMs = performance.now();
    const earned = ((nowMs - this.#lastMs) / 1000) * bytesPerSecondMax;
    this.#allowanceBytes = Math.min(bytesPerSecondMax, this.#allowanceBytes + earned) - bytes.length;
    this.#lastMs = nowMs;
    if (this.#allowanceBytes < 0) this.#fail();
    else this.#receiver.write(bytes);
  }

  #fail(): void {
    if (this.#viewer.closed) return;
    this.#onMalformed();
    this.#viewer.destroy();
  }
}

function controlFrame(opcode: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(opcode, payload.length), payload]);
}

/** Echoes the peer's status; 1005 stands for "none was sent" and never goes on the wire (RFC 6455, 7.4.1). */
function closePayload(code: number): Buffer {
  if (code === 1005) return Buffer.alloc(0);
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return payload;
}
