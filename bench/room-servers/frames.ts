// One room on lib/websocket and nothing else: what is said in a window goes out as one frame that all connections share.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  acceptWebSocket,
  encodeDeflatedFrame,
  encodeFrame,
  opcodes,
  WebSocketEndpoint,
  type WebSocketConnection,
} from '@gala/lib/websocket';

// Who says something comes by a port of his own, in plain whatever viewers come in.
const [port, offerPort, windowMs, pem] = process.argv.slice(2);
/** Writes of one turn of the event loop. */
const sliceWrites = 256;

/** Those that agreed on the same frames. */
const members = { plain: new Set<WebSocketConnection>(), deflate: new Set<WebSocketConnection>() };
const endpoint = new WebSocketEndpoint({ messageBytesMax: 4096, bytesPerSecondMax: 1e9, burstBytes: 1e9 });
let said: Buffer[] = [];

const certificate = pem ? readFileSync(pem) : undefined;
const server: Server = certificate
  ? createSecureServer({ cert: certificate, key: certificate })
  : createServer();

server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
  const accepted = acceptWebSocket(request, socket, { deflate: true });
  if (socket instanceof Socket) socket.setNoDelay(true);
  const group = accepted.deflate ? members.deflate : members.plain;
  group.add(
    endpoint.connect(socket, accepted, { onClose: (_, connection) => void group.delete(connection) }),
  );
});

/** The next window is gathered while this one is still being written, so that an overloaded server writes less often. */
async function flush(): Promise<void> {
  const payload = Buffer.concat(said);
  said = [];
  if (payload.length === 0) return;
  if (members.plain.size > 0) await writeAll(members.plain, encodeFrame(payload, opcodes.text));
  if (members.deflate.size > 0) await writeAll(members.deflate, encodeDeflatedFrame(payload, opcodes.text));
}

async function writeAll(group: ReadonlySet<WebSocketConnection>, frame: Buffer): Promise<void> {
  let writes = 0;
  for (const connection of group) {
    connection.write(frame);
    if (++writes % sliceWrites === 0) await new Promise(setImmediate);
  }
}

async function run(): Promise<never> {
  for (let dueMs = performance.now(); ;) {
    dueMs = Math.max(dueMs + Number(windowMs), performance.now());
    await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
    await flush();
  }
}

const offers = createServer().on('upgrade', (request: IncomingMessage, socket: Duplex) => {
  const accepted = acceptWebSocket(request, socket);
  endpoint.connect(socket, accepted, { onMessage: (data) => void said.push(Buffer.from(data)) });
});

offers.listen(Number(offerPort), '127.0.0.1');
server.listen(Number(port), '127.0.0.1', 4096, () => console.log('listening'));
await run();
