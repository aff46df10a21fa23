import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hasCode } from '../../error/index.ts';
import {
  acceptWebSocket,
  encodeFrame,
  opcodes,
  refuseUpgrade,
  WebSocketEndpoint,
  type AcceptOptions,
  type WebSocketConnection,
  type WebSocketHandler,
  type WebSocketLimits,
} from '../index.ts';

/** A real server that answers every message with itself, and keeps what happened. */
export class EchoServer implements AsyncDisposable, WebSocketHandler {
  readonly endpoint: WebSocketEndpoint;
  readonly connections: WebSocketConnection[] = [];
  readonly closeCodes: number[] = [];
  readonly failures: number[] = [];
  readonly pongs: string[] = [];
  port = 0;
  readonly #server: Server = createServer();

  private constructor(limits: Partial<WebSocketLimits>, accept: AcceptOptions) {
    this.endpoint = new WebSocketEndpoint(limits);
    this.#server.on('upgrade', (request, socket, head: Buffer) => {
      if (head.length > 0) socket.unshift(head);
      try {
        this.connections.push(this.endpoint.connect(socket, acceptWebSocket(request, socket, accept), this));
      } catch (error) {
        if (!hasCode(error)) throw error;
        refuseUpgrade(socket, error);
      }
    });
  }

  static async start(limits: Partial<WebSocketLimits> = {}, accept: AcceptOptions = {}): Promise<EchoServer> {
    const server = new EchoServer(limits, accept);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    server.port = (server.#server.address() as AddressInfo).port;
    return server;
  }

  onMessage(data: Buffer, isBinary: boolean, connection: WebSocketConnection): void {
    connection.write(encodeFrame(data, isBinary ? opcodes.binary : opcodes.text));
  }

  onPong(data: Buffer): void {
    this.pongs.push(data.toString());
  }

  onFailure(code: number): void {
    this.failures.push(code);
  }

  onClose(code: number): void {
    this.closeCodes.push(code);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
