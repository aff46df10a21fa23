import { section, type Settings } from '@gala/lib/config';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { SessionCookie } from './session.ts';

/** 0 stands for a port that tests let the system choose. */
const port = z.int().min(0).max(65_535);
const limit = (perSecond: number, burst: number) =>
  z
    .object({
      perSecond: z.number().min(0.001).max(1e6).default(perSecond),
      burst: z.int().min(1).max(1e6).default(burst),
    })
    .prefault({});

/** The part `gateway` of the static settings. */
export const gatewaySection = section(
  'gateway',
  z.object({
    publicUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('address of the web pages and the API; otherwise the Host that the client used'),
    basePath: z
      .string()
      .regex(/^(\/[A-Za-z0-9._~-]+)*$/)
      .default('')
      .describe('path prefix of everything, without a slash at its end'),
    liveUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('address of the edges; otherwise the host name of the page with livePort'),
    livePort: port.default(8081).describe('port of the edges as viewers see it'),
    rtmpUrl: z
      .url({ protocol: /^rtmps?$/ })
      .optional()
      .describe(
        'address where encoders publish and RTMP players play; otherwise the host name of the page with rtmpPort',
      ),
    rtmpPort: port.default(1935).describe('RTMP port as encoders see it'),
    rtmpsPort: port.optional().describe('RTMPS port as encoders see it; that of the edges if they have one'),
    trustedProxies: z
      .array(z.string())
      .max(256)
      .default([])
      .describe('addresses or networks whose X-Forwarded-* headers are believed, by edges too'),
    cookieName: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .default('gala_session')
      .describe('name of the session cookie'),
    webFolder: z.string().optional().describe('folder of the built web pages; otherwise the one that ships'),
    playTtlMs: z
      .int()
      .min(1000)
      .max(7 * 86_400_000)
      .default(6 * 3_600_000)
      .describe('how long the signed play URL of a private room admits viewers'),
    bodyBytesMax: z.int().min(1024).max(16_777_216).default(131_072).describe('longest request body'),
    limits: z
      .object({
        signInPerAddress: limit(0.2, 10).describe('sign-ins from one address (IPv6: one /64)'),
        changePerAddress: limit(10, 100).describe('changes from one address'),
        changePerUser: limit(2, 30).describe('changes by one user'),
        readPerAddress: limit(100, 400).describe('reads from one address'),
        readPerUser: limit(50, 200).describe('reads by one signed-in user'),
        keysMax: z
          .int()
          .min(16)
          .max(1e7)
          .default(100_000)
          .describe('addresses or users that a limit remembers'),
      })
      .prefault({}),
  }),
);

export type GatewayConfig = ReturnType<typeof readConfig>;

/** The only reader of the gateway's settings. */
export function readConfig(settings: Settings) {
  const { cookieName, ...rest } = settings.get(gatewaySection);
  const cookie: SessionCookie = { name: cookieName, path: `${rest.basePath}/` };
  return { ...rest, cookie, webFolder: rest.webFolder ?? builtWebFolder };
}

/** Where `vite build` puts the pages: the sources run from here, the bundle from `dist/` at the root. */
const builtWebFolder = fileURLToPath(new URL('../../../web/dist/', import.meta.url));
