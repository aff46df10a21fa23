import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** The response under way on a connection, for errors that concern the connection alone. */
export const answering = new WeakMap<Duplex, ServerResponse>();
