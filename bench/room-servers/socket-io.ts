// One room on Socket.IO, as its users write it: what a client says is emitted to the room at once.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false });
const room = 'bench';

io.on('connection', (socket) => {
  if (socket.handshake.query['role'] === 'viewer') void socket.join(room);
  socket.on('say', (message: string) => io.to(room).emit('said', message));
});
server.listen(Number(process.argv[2]), '127.0.0.1', 4096, () => console.log('listening'));
