import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answering } from './answering.ts';

export interface TakeSocketOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers with a head and hands over the connection for a body without end (HTTP-FLV): whatever the caller
 * writes is the body, until it ends or destroys the socket. No chunking, so that one Buffer serves all
 * receivers; Nagle on, since `node:http` turns it off and that costs 2.3x the CPU at many small writes. Works
 * over TLS as well. Neither the parser nor a time limit of `node:http` touches the connection any more;
 * what the client still sends is dropped.
 *
 * Answers undefined when there is no connection to hand over: it closed, or the request was pipelined behind
 * an unfinished one (then it is closed).
 */
export function takeSocket(response: ServerResponse, options: TakeSocketOptions = {}): Socket | undefined {
  const { socket } = response;
  if (!socket || socket.destroyed) {
    response.req.socket.destroy();
    return undefined;
  }
  detach(response, socket);
  socket.setTimeout(0);
  socket.setNoDelay(false);
  socket.write(headOf(options), 'latin1');
  return socket;
}

/**
 * A `data` listener makes node:http give up reading below JavaScript, so it is added before those of
 * node:http go. All listeners are shared: what one connection weighs counts ten thousand times.
 */
function detach(response: ServerResponse, socket: Socket): void {
  socket.on('data', drop);
  for (const event of ['data', 'end', 'drain', 'timeout', 'error']) {
    for (const listener of socket.listeners(event)) {
      if (listener !== drop) socket.off(event, listener as () => void);
    }
  }
  response.detachSocket(socket);
  answering.delete(socket);
  socket.on('error', destroy);
  socket.on('end', end);
  socket.resume();
  // Only a request that was read to its end can be let go without closing its connection.
  response.req.once('end', () => freeParser(socket)).resume();
}

function drop(): void {}

function destroy(this: Socket): void {
  this.destroy();
}

function end(this: Socket): void {
  this.end();
}

/**
 * The listener by which node:http frees its parser and forgets the request when a connection closes runs now
 * instead: the two are most of what an idle connection weighs (12 of 18 KB), and a body without end needs neither.
 */
function freeParser(socket: Socket): void {
  const release = socket.listeners('close').find(({ name }) => name === 'bound socketOnClose');
  if (!release || socket.destroyed) return;
  socket.off('close', release as () => void);
  (release as (this: Socket) => void).call(socket);
}

function headOf({ status = 200, headers = {} }: TakeSocketOptions): string {
  const lines = Object.entries(headers).map(
    ([name, value]) => `${name}: ${value.replaceAll(/[\r\n]/g, ' ')}\r\n`,
  );
  const date = new Date().toUTCString();
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nDate: ${date}\r\nConnection: close\r\n${lines.join('')}\r\n`;
}
