import { connect, type Socket } from 'node:net';

/** What became of a connection that said nothing sensible. */
export interface GarbageOutcome {
  /** Milliseconds until the server had closed it; undefined when it was still open at `withinMs`. */
  readonly closedMs: number | undefined;
  readonly answer: Buffer;
}

export interface GarbageOptions {
  readonly port: number;
  /** Written at once. */
  readonly bytes?: Uint8Array;
  /** One byte of it every `everyMs`: as slowly as a connection can be and still not be idle. */
  readonly trickle?: Buffer;
  readonly withinMs: number;
}

const everyMs = 400;

/** Opens a connection, sends, and waits for the server to close it; never closes first before `withinMs`. */
export async function sendGarbage({
  port,
  bytes,
  trickle,
  withinMs,
}: GarbageOptions): Promise<GarbageOutcome> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const startedAtMs = performance.now();
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const timer = setTimeout(() => resolve(undefined), withinMs);
  const onClosed = (): void => resolve(performance.now() - startedAtMs);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('end', onClosed).on('close', onClosed).on('error', onClosed);
  if (bytes) socket.write(bytes);
  const pacer = trickle && setInterval(dripFrom(socket, trickle), everyMs);
  const closedMs = await promise;
  clearTimeout(timer);
  clearInterval(pacer);
  socket.destroy();
  return { closedMs, answer: Buffer.concat(chunks) };
}

function dripFrom(socket: Socket, bytes: Buffer): () => void {
  let sent = 0;
  return () => {
    if (socket.writable) socket.write(bytes.subarray(sent++ % bytes.length, sent));
  };
}

/** The same noise every time (mulberry32), so that a failure can be repeated. */
export function noise(seed: number, sizeBytes: number): Uint8Array {
  let state = seed;
  const bytes = Buffer.alloc(sizeBytes);
  return bytes.map(() => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) & 0xff;
  });
}

/** The first record of a TLS 1.2 client: version, random, two cipher suites, no extension. */
export function tlsHello(): Buffer {
  const body = Buffer.concat([
    Buffer.of(0x03, 0x03),
    noise(1, 32),
    Buffer.of(0, 0, 4, 0x13, 0x01, 0xc0, 0x2f, 1, 0),
  ]);
  const length = Buffer.alloc(3);
  length.writeUIntBE(body.length, 0, 3);
  const handshake = Buffer.concat([Buffer.of(1), length, body]);
  const record = Buffer.of(0x16, 0x03, 0x01, handshake.length >> 8, handshake.length & 0xff);
  return Buffer.concat([record, handshake]);
}
