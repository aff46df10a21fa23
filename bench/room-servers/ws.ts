// One room on ws, as its users write it: what a client says is sent to each of the others at once.
import { createServer } from 'node:http';
import { WebSocketServer, type WebSocket } from 'ws';

const server = createServer();
const sockets = new WebSocketServer({ server });
const viewers = new Set<WebSocket>();

sockets.on('connection', (socket, request) => {
  if (request.url !== '/offer') {
    viewers.add(socket);
    socket.on('close', () => viewers.delete(socket));
  }
  socket.on('message', (data: Buffer) => {
    for (const viewer of viewers) viewer.send(data, { binary: false });
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1', 4096, () => console.log('listening'));
