import { z } from 'zod';
import { section } from '@gala/lib/config';
import type { Context } from '@gala/lib/lifecycle';

/** The only reader of the edge's settings. */
export const edgeSection = section(
  'edge',
  z.object({
    processes: z
      .int()
      .min(1)
      .max(32)
      .default(1)
      .describe('edges of `gala up`; above 1 they share their ports (Linux)'),
    publicUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe(
        'address of this edge alone, for players that are moved to it; otherwise they use the one they have',
      ),
    lowTickMs: z.int().min(10).max(1000).default(100).describe('tick of ?latency=low, the default'),
    economyTickMs: z.int().min(50).max(5000).default(350).describe('tick of ?latency=economy'),
    viewersMax: z.int().min(1).default(50_000).describe('viewers of one process; more get TOO_MANY_VIEWERS'),
    viewersPerAddressMax: z.int().min(1).default(20_000).describe('viewers from one address (IPv6: one /64)'),
    slowDisposableBytes: z.int().min(1).default(262_144).describe('backlog that sheds disposable frames'),
    slowPictureBytes: z
      .int()
      .min(1)
      .default(524_288)
      .describe('backlog that sheds pictures until a key frame'),
    slowStopBytes: z.int().min(1).default(1_048_576).describe('backlog at which nothing more is queued'),
    slowEvictMs: z.int().min(100).default(10_000).describe('how long a viewer may stay slow'),
    trustedProxies: z
      .array(z.string())
      .max(256)
      .default([])
      .describe('networks whose X-Forwarded-For is believed'),
    moveMs: z
      .int()
      .min(0)
      .max(20_000)
      .default(3_000)
      .describe('how long players get at a drain to go to another edge, where there is one'),
    drainMs: z.int().min(0).default(2_000).describe('how long viewers get to take the last bytes at a stop'),
  }),
);

export const rtmpSection = section(
  'rtmp',
  z.object({
    host: z.string().default('127.0.0.1').describe('address to bind; `gala up --public` binds ::'),
    port: z.int().min(0).max(65_535).default(1935),
    tlsPort: z.int().min(0).max(65_535).default(1936).describe('RTMPS, when there is a certificate'),
    tlsCert: z.string().optional().describe('certificate file (PEM) of RTMPS; otherwise tls.cert'),
    tlsKey: z.string().optional().describe('its private key file (PEM); otherwise tls.key'),
    connectionsMax: z.int().min(1).default(12_000).describe('publishers and players of one process'),
    playersMax: z
      .int()
      .min(0)
      .default(10_000)
      .describe('RTMP players of one process, so that publishers find room; more get TOO_MANY_VIEWERS'),
    idleMs: z.int().min(1_000).default(15_000).describe('a publisher that sends nothing this long is gone'),
  }),
);

export const hlsSection = section(
  'hls',
  z.object({
    segmentMs: z.int().min(1_000).max(10_000).default(2_000).describe('wanted length of segments'),
    partMs: z
      .int()
      .min(0)
      .max(2_000)
      .default(500)
      .describe('length of LL-HLS parts, not below 200; 0: segments alone'),
    windowMs: z
      .int()
      .min(6_000)
      .max(14_400_000)
      .default(30_000)
      .describe('how far back playlists reach (DVR)'),
    idleMs: z.int().min(15_000).default(30_000).describe('a stream that nobody asks for stops being cut'),
    requestsPerAddress: z
      .object({
        perSecond: z.int().min(1).default(5_000).describe('a second; a player makes about five'),
        burst: z.int().min(1).default(10_000).describe('at once'),
      })
      .prefault({})
      .describe('requests of one address (IPv6: one /64); more get RATE_LIMITED'),
    answerMs: z.int().min(1_000).default(60_000).describe('how long a client may take for one answer'),
    streamBytesMax: z
      .int()
      .min(1_048_576)
      .default(134_217_728)
      .describe('memory of one stream; listed segments take a third'),
    bytesMax: z.int().min(1_048_576).default(1_073_741_824).describe('memory of all streams of one process'),
  }),
);

export type HlsConfig = ReturnType<typeof readHls>;

export interface EdgeConfig {
  readonly edge: ReturnType<typeof readEdge>;
  readonly hls: HlsConfig;
  readonly rtmp: ReturnType<typeof readRtmp>;
}

const readEdge = (context: Context) => context.settings.get(edgeSection);
const readHls = (context: Context) => context.settings.get(hlsSection);
const readRtmp = (context: Context) => context.settings.get(rtmpSection);

export function edgeConfig(context: Context): EdgeConfig {
  return { edge: readEdge(context), hls: readHls(context), rtmp: readRtmp(context) };
}
