import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Receiver } from 'ws';

const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Viewers have nothing to say but pings and the close. */
const messageBytesMax = 1024;
/** Control frames of one viewer that are answered at most, per second of its life on average. */
const framesPerSecondMax = 10;

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
 * Reads what a viewer sends: answers pings, ends on close, on a protocol error and on a flood. The parser is
 * made with the first byte, since most viewers never send one.
 */
export function watchControlFrames(socket: Duplex, onMalformed: () => void): void {
  let receiver: Receiver | undefined;
  let allowance = framesPerSecondMax;
  let lastMs = performance.now();
  const spend = (): boolean => {
    const nowMs = performance.now();
    allowance = Math.min(framesPerSecondMax, allowance + ((nowMs - lastMs) / 1000) * framesPerSecondMax) - 1;
    lastMs = nowMs;
    return allowance >= 0;
  };
  const fail = (): void => {
    onMalformed();
    socket.destroy();
  };
  const start = (): Receiver => {
    const made = new Receiver({ isServer: true, maxPayload: messageBytesMax });
    made.on('ping', (data: Buffer) => (spend() ? socket.write(controlFrame(0x8a, data)) : fail()));
    made.on('message', () => (spend() ? undefined : fail()));
    made.on('conclude', (code: number) => socket.end(controlFrame(0x88, closePayload(code))));
    made.on('error', fail);
    return made;
  };
  socket.on('data', (bytes: Buffer) => (receiver ??= start()).write(bytes));
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
