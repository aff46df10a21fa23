import { section, type Settings } from '@gala/lib/config';
import { z } from 'zod';

const limit = (perSecond: number, burst: number) =>
  z
    .object({
      perSecond: z.number().min(0.001).max(1e6).default(perSecond),
      burst: z.int().min(1).max(1e6).default(burst),
    })
    .prefault({});

/** The part `signal` of the static settings. */
export const signalSection = section(
  'signal',
  z.object({
    publicUrl: z
      .url({ protocol: /^wss?$/ })
      .optional()
      .describe('address of this node alone (wss://chat1.example/signal); otherwise that of the page'),
    path: z
      .string()
      .regex(/^(\/[A-Za-z0-9._~-]+)+$/)
      .default('/signal')
      .describe('path of connections on the listener of http; behind gateway.basePath by default'),
    connectionsMax: z.int().min(1).default(50_000).describe('connections of one process'),
    connectionsPerAddressMax: z
      .int()
      .min(1)
      .default(20_000)
      .describe('connections from one address (IPv6: one /64)'),
    joins: limit(2_000, 4_000).describe('connections that one process takes; others are told to come later'),
    joinsPerAddress: limit(500, 2_000).describe('the same from one address'),
    messages: limit(10, 40).describe('what one connection may say'),
    roomsMax: z.int().min(1).default(100_000).describe('rooms that are open at one process'),
    helloMs: z.int().min(1_000).default(10_000).describe('how long a client may take for its hello'),
    heartBeatMs: z
      .int()
      .min(4_000)
      .default(60_000)
      .describe('a client that is not heard for so long is gone; it is pinged at half of that'),
    windowMsMax: z
      .int()
      .min(50)
      .max(1_000)
      .default(250)
      .describe('how long what is said in the largest rooms is gathered; small ones wait for nothing'),
    slowBytes: z
      .int()
      .min(1_024)
      .default(32_768)
      .describe('backlog of a connection, beyond the kernel, from which it is sent less'),
    stopBytes: z.int().min(1_024).default(131_072).describe('backlog at which whole batches are left out'),
    slowEvictMs: z.int().min(100).default(10_000).describe('how long a connection may stay at stopBytes'),
    busyLoopMs: z
      .int()
      .min(20)
      .max(60_000)
      .default(250)
      .describe(
        'delay of the event loop (p99) from which everybody is sent less; far less from three times it',
      ),
    ringMs: z.int().min(0).default(60_000).describe('how far back clients resume from this node'),
    ringBytesMax: z.int().min(65_536).default(4_194_304).describe('memory for that of one room'),
    ringsBytesMax: z.int().min(65_536).default(268_435_456).describe('memory for that of all rooms'),
    lingerMs: z.int().min(0).default(15_000).describe('how long a room without clients stays open'),
    readsPerAddress: limit(200, 1_000).describe('cursor pulls and reads of slots from one address'),
    moveMs: z
      .int()
      .min(0)
      .max(60_000)
      .default(10_000)
      .describe('how long a drain takes to send clients to other nodes, where there are some'),
  }),
);

export type SignalConfig = ReturnType<typeof readConfig>;

/** The only reader of the settings of signal nodes. */
export function readConfig(settings: Settings) {
  return settings.get(signalSection);
}
