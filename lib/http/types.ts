import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Answers one request. A CodedError that it throws (or rejects with) before the head is sent becomes the
 * answer; any other error is logged and answered with INTERNAL.
 */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
/** Owns the socket from here on, until it closes. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Where a role hangs its paths: the longest mounted prefix wins; nothing mounted answers 404. */
export interface HttpListener extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Mounts under a path prefix (`/v1`); returns the function that unmounts. A prefix is mounted once. */
  mount(prefix: string, handler: RequestHandler): () => void;
  /** Takes WebSocket upgrades; an upgrade to a path without one is served as an ordinary request. */
  mountUpgrade(prefix: string, handler: UpgradeHandler): () => void;
  /** Frees the port for others; connections that are there go on. Disposing closes them. */
  stopAccepting(): void;
  /** Address of the client, through trusted proxies; empty when the connection is gone. */
  clientAddress(request: IncomingMessage): string;
  /** Scheme and host that the client used (`https://live.example`), for absolute addresses in answers. */
  origin(request: IncomingMessage): string;
}
