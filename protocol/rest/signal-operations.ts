import { z } from 'zod';
import type { Operation } from './operation.ts';
import { timeMs } from './schemas.ts';
import { published, publishOrder } from './signal-schemas.ts';
import { reason, unreachable } from './stream-schemas.ts';

const count = z.number().int().min(0);

export const signalEntry = z
  .object({
    urls: z.array(z.string()).describe('WebSocket addresses of signal nodes, in the order to try'),
    readUrls: z
      .array(z.string())
      .describe('bases of cursor pulls (`/pull`) and cacheable reads (`/slots/…`)'),
    ticket: z.string().describe('what opens a connection, in its `hello`'),
    expiresAtMs: timeMs,
  })
  .meta({ id: 'SignalEntry' });

export const signalNode = z
  .object({
    nodeId: z.string().describe('process of a signal node, until it is started again'),
    startedAtMs: timeMs,
    connections: count,
    connectionsMax: count,
    rooms: count,
    draining: z.boolean(),
    loopDelayMs: z.number().describe('p99 of the last second'),
    publicUrl: z.string().describe('empty: clients reach all nodes by the address of the page'),
  })
  .meta({ id: 'SignalNode' });

/** How clients come to what rooms say, and what operators see of those who bring it. */
export const signalOperations = {
  enterSignals: {
    method: 'POST',
    path: '/v1/rooms/{roomId}/signals/entry',
    summary: 'Where to hear what a room says and to say something, and the ticket for it',
    access: 'anyone',
    body: z.object({
      device: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,64}$/)
        .optional()
        .describe('a random text that the device keeps, for limits'),
    }),
    status: 200,
    response: signalEntry,
  },
  publishSignal: {
    method: 'POST',
    path: '/v1/rooms/{roomId}/signals',
    summary:
      'Say something in a room as a service: a notice, a gift, a part of its state, or to some users alone',
    access: 'operator',
    scope: 'chat:write',
    body: publishOrder,
    status: 200,
    response: published,
  },
  listSignalNodes: {
    method: 'GET',
    path: '/v1/signal-nodes',
    summary: 'The signal nodes and what they carry',
    access: 'operator',
    scope: 'streams:read',
    status: 200,
    response: z.object({ nodes: z.array(signalNode), unreachable }),
  },
  drainSignalNode: {
    method: 'POST',
    path: '/v1/signal-nodes/{nodeId}/drain',
    summary:
      'Empty a signal node: its clients go to other nodes, and it takes nobody until it is started again',
    access: 'operator',
    scope: 'streams:write',
    body: z.object({ reason }),
    status: 200,
    response: z.object({ draining: z.literal(true) }),
  },
} as const satisfies Record<string, Operation>;
