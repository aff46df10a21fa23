import { Connection, type ClientSocket } from './connection.ts';

/** A connection whose socket keeps what is written to it, and owes what a test says. */
export class TestConnection {
  readonly writes: string[] = [];
  readonly connection: Connection;
  owed = 0;

  constructor() {
    const { writes } = this;
    const owed = (): number => this.owed;
    const socket: ClientSocket = {
      get writableLength() {
        return owed();
      },
      heardAtMs: 0,
      write: (bytes) => void writes.push(bytes.toString()),
      ping: () => undefined,
      close: () => undefined,
      destroy: () => undefined,
    };
    this.connection = new Connection({
      connect: () => socket,
      host: { receive: () => undefined, malformed: () => undefined, over: () => undefined },
      address: '192.0.2.1',
      encoding: 'binary',
    });
  }

  get heard(): string {
    return this.writes.join('');
  }
}
