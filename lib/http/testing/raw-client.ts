import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Sends bytes as they are and answers everything that came until the server closed. */
export async function exchange(port: number, bytes: string, host = '127.0.0.1'): Promise<string> {
  const socket = connect({ port, host });
  socket.on('error', () => undefined);
  socket.write(bytes, 'latin1');
  return readToEnd(socket);
}

export async function readToEnd(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => void (text += chunk.toString('latin1')));
  if (!socket.closed) await once(socket, 'close');
  return text;
}

/** Waits until what was received contains `wanted`; never longer than the connection lives. */
export function readUntil(socket: Socket, wanted: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (!text.includes(wanted)) return;
      socket.off('data', onData);
      resolve(text);
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
  });
}
