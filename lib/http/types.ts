import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Where a role hangs its paths: the longest mounted prefix wins; nothing mounted answers 404. */
export interface HttpListener extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Mounts under a path prefix (`/v1`); returns the function that unmounts. A prefix is mounted once. */
  mount(prefix: string, handler: RequestHandler): () => void;
  mountUpgrade(prefix: string, handler: UpgradeHandler): () => void;
}
