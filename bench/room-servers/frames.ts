// One room on lib/websocket and nothing else: what is said in a window goes out as one frame that all connections share.
import { createServer, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  acceptWebSocket,
  encodeFrame,
  opcodes,
  WebSocketEndpoint,
  type WebSocketConnection,
  type WebSocketHandler,
} from '@gala/lib/websocket';

const [port, windowMs] = process.argv.slice(2).map(Number);
/** Writes of one turn of the event loop. */
const sliceWrites = 256;

const members = new Set<WebSocketConnection>();
const endpoint = new WebSocketEndpoint({ messageBytesMax: 4096, bytesPerSecondMax: 1e9, burstBytes: 1e9 });
let said: Buffer[] = [];

const sender: WebSocketHandler = { onMessage: (data) => void said.push(Buffer.from(data)) };
const viewer: WebSocketHandler = { onClose: (_, connection) => void members.delete(connection) };

const server = createServer();
server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
  const accepted = acceptWebSocket(request, socket);
  if (socket instanceof Socket) socket.setNoDelay(true);
  if (request.url === '/offer') endpoint.connect(socket, accepted, sender);
  else members.add(endpoint.connect(socket, accepted, viewer));
});

/** The next window is gathered while this one is being written, so that an overloaded server writes less often. */
async function flush(): Promise<void> {
  const payload = Buffer.concat(said);
  said = [];
  if (payload.length === 0) return;
  const frame = encodeFrame(payload, opcodes.text);
  let writes = 0;
  for (const member of members) {
    member.write(frame);
    if (++writes % sliceWrites === 0) await new Promise(setImmediate);
  }
}

async function run(): Promise<never> {
  for (let dueMs = performance.now(); ;) {
    dueMs = Math.max(dueMs + windowMs, performance.now());
    await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
    await flush();
  }
}

server.listen(port, '127.0.0.1', 4096, () => console.log('listening'));
await run();
