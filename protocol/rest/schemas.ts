import { z } from 'zod';
import { roomIdMax, userIdMax } from '../ids/index.ts';
import { programmeName } from '../programme/index.ts';
import * as settings from '../settings/index.ts';

/** The JSON shapes of `/v1`. Times are milliseconds since 1970; ids are decimal numbers below 2^53. */
export const userId = z.number().int().min(0).max(userIdMax).meta({ id: 'UserId' });
export const roomId = z.number().int().min(1).max(roomIdMax).meta({ id: 'RoomId' });
export const timeMs = z.number().int().min(0);

export const hostName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$/)
  .describe('3 to 32 letters, digits, dots, dashes or underscores; unique without regard to case');
export const title = z.string().max(120);
export const password = z.string().min(10).max(256);
export const visibility = z.enum(['public', 'private']);
export const roomState = z.enum(['created', 'live', 'hold', 'ended']);
export const role = z.enum(['viewer', 'host', 'moderator', 'operator']);

export const errorBody = z
  .object({
    error: z.object({
      code: z.string().describe('one of the codes in docs/errors.md'),
      message: z.string(),
      detail: z.string().optional(),
    }),
  })
  .meta({ id: 'Error' });

export const principal = z
  .object({ userId, name: z.string(), roles: z.array(role), scopes: z.array(z.string()) })
  .meta({ id: 'Principal' });

export const session = z
  .object({
    principal,
    csrfToken: z.string().describe('send it as X-Gala-Csrf with every change made on a session cookie'),
    expiresAtMs: timeMs.optional(),
  })
  .meta({ id: 'Session' });

export const host = z
  .object({
    hostId: userId,
    name: z.string(),
    title: z.string(),
    visibility,
    createdAtMs: timeMs,
    sessionCount: z.number().int(),
    areaId: settings.areaId.optional().describe('absent for a host without one'),
    announcement: z
      .object({ text: z.string(), sinceMs: timeMs })
      .optional()
      .describe('what the host tells on his page'),
  })
  .meta({ id: 'Host' });

export const roomMedia = z
  .object({
    video: z.string().optional().describe('absent when no picture is sent'),
    audio: z.string().optional().describe('absent when no sound is sent'),
  })
  .describe('codecs that the publisher sends, as RFC 6381 names them')
  .meta({ id: 'RoomMedia' });

export const room = z
  .object({
    roomId,
    hostId: userId,
    hostName: z.string(),
    title: z.string(),
    state: roomState,
    visibility,
    viewers: z.number().int(),
    createdAtMs: timeMs,
    startsAtMs: timeMs.optional().describe('when a scheduled room is to begin; absent without a time'),
    startedAtMs: timeMs.optional(),
    endedAtMs: timeMs.optional(),
    endReason: z.string().optional(),
    areaId: settings.areaId.optional().describe('absent for a room without one'),
    media: roomMedia.optional().describe('absent while it is not known'),
    renditions: z
      .array(z.string())
      .optional()
      .describe('smaller pictures that may be asked for, largest first: `720p`, `540p`, `360p`'),
    coverUrl: z
      .url()
      .optional()
      .describe(
        'in lists of live rooms: where a JPEG of the picture is, renewed every few seconds; may not be there yet',
      ),
  })
  .meta({ id: 'Room' });

export const playUrl = z
  .object({
    protocol: z
      .enum(['ws-flv', 'http-flv', 'll-hls', 'rtmp'])
      .describe('rtmp is for programs: browsers do not speak it'),
    url: z.url(),
    rendition: z
      .string()
      .optional()
      .describe('one of the `renditions` of the room; absent for the stream as the publisher sends it'),
    mime: z
      .string()
      .optional()
      .describe('what it brings, for `MediaSource.isTypeSupported`; absent while the codecs are not known'),
    expiresAtMs: timeMs.optional().describe('present when the URL is signed'),
  })
  .meta({ id: 'PlayUrl' });

export const replay = z
  .object({
    url: z.url().describe('HLS playlist over all parts, to seek in'),
    startedAtMs: timeMs,
    durationMs: z.number().int(),
    expiresAtMs: timeMs.optional().describe('present when the URL is signed'),
  })
  .meta({ id: 'Replay' });

export const recordedFile = z
  .object({
    url: z.url(),
    format: z.enum(['mp4', 'flv']),
    state: z.enum(['recording', 'done', 'failed']).describe('failed: it ended before the broadcast did'),
    startedAtMs: timeMs,
    durationMs: z.number().int(),
    bytes: z.number().int(),
  })
  .meta({ id: 'RecordedFile' });

export const recordedRoom = z
  .object({ room, replay: replay.optional(), files: z.array(recordedFile) })
  .meta({ id: 'RecordedRoom' });

export const enterAnswer = z
  .object({
    room,
    host,
    play: z.array(playUrl).describe('in the order to try'),
    plays: z
      .number()
      .int()
      .optional()
      .describe('how often the room was played; absent while it is not shown'),
    replay: replay.optional().describe('of a room that has ended and was recorded'),
  })
  .meta({ id: 'Enter' });

export const publishTarget = z
  .object({
    rtmpUrl: z.string().describe('server field of OBS; the stream key goes apart'),
    rtmpsUrl: z.string().optional().describe('the same over TLS, where edges have a certificate'),
  })
  .meta({ id: 'PublishTarget' });

/** Of an address that may hold a key in its path or query. */
const mediaUrl = (schemes: string) =>
  z
    .string()
    .max(1024)
    .regex(new RegExp(`^(${schemes})://[^/\\s]\\S*$`));
export const hostMedia = z
  .object({
    record: z.boolean().describe('keep broadcasts for replay'),
    forwardUrls: z.array(mediaUrl('rtmps?')).max(8).describe('RTMP or RTMPS addresses that get a copy'),
    sourceUrl: z
      .union([z.literal(''), mediaUrl('rtmps?|https?')])
      .describe('what is pulled while somebody watches and the host does not publish; empty for nothing'),
  })
  .meta({ id: 'HostMedia' });

export const apiToken = z
  .object({
    tokenId: z.string(),
    name: z.string(),
    scopes: z.array(z.string()),
    createdAtMs: timeMs,
    expiresAtMs: timeMs.optional(),
  })
  .meta({ id: 'ApiToken' });

export const scope = z.enum([
  'rooms:read',
  'rooms:write',
  'hosts:write',
  'tokens:write',
  'streams:read',
  'streams:write',
  'jobs:read',
  'jobs:write',
  'catalog:write',
  'chat:read',
  'chat:write',
  'switches:write',
]);
export const issuer = z
  .object({
    issuer: z.string().min(1).max(256),
    audience: z.string().min(1).max(256),
    jwks: z.string().max(65_536),
  })
  .meta({ id: 'Issuer' });
export const empty = z.object({});

/** What a `{parameter}` of a path may be, by its name; the text is percent-decoded before. */
export const pathParameters = {
  roomId: z
    .string()
    .regex(/^[1-9][0-9]{0,15}$/)
    .describe('a room id'),
  roomRef: z
    .string()
    .regex(/^(@[A-Za-z0-9][A-Za-z0-9._-]{2,31}|[1-9][0-9]{0,15})$/)
    .describe('a room id, or `@name` for the present room of a host'),
  hostRef: z
    .string()
    .regex(/^(@[A-Za-z0-9][A-Za-z0-9._-]{2,31}|[1-9][0-9]{0,10})$/)
    .describe('a host id, or `@name`'),
  userRef: z
    .string()
    .regex(/^(@[A-Za-z0-9][A-Za-z0-9._-]{2,31}|[1-9][0-9]{0,10})$/)
    .describe('a user id, or `@name`'),
  sanctionKind: z.enum(['mute', 'ban', 'shadow']),
  signalId: z
    .string()
    .regex(/^[0-9a-z]{1,7}\.[A-Za-z0-9_-]{11}$/)
    .describe('a comment, as its signal names it'),
  areaId: settings.areaId,
  programmeName,
  switchName: z
    .string()
    .regex(/^[a-zA-Z]{1,32}$/)
    .describe('a switch, as `GET /v1/switches` names it'),
  tokenId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  edgeId: z
    .string()
    .regex(/^[A-Za-z0-9_+-]{1,128}$/)
    .describe('an edge, as `GET /v1/edges` names it'),
  nodeId: z
    .string()
    .regex(/^[A-Za-z0-9_+-]{1,128}$/)
    .describe('a signal node, as `GET /v1/signal-nodes` names it'),
  viewerId: z
    .string()
    .regex(/^[A-Za-z0-9_+-]{1,128}\.[0-9]{1,16}$/)
    .describe('a viewer, as `GET /v1/streams/{roomId}` names it'),
  planName: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{0,63}$/)
    .describe('a plan, as `GET /v1/jobs/plans` names it'),
  jobName: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{0,63}$/)
    .describe('a sharded job, as `GET /v1/jobs/sharded` names it'),
  runId: z
    .string()
    .regex(/^[1-9][0-9]{0,15}$/)
    .describe('a run, as `GET /v1/jobs/runs` names it'),
  traceId: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .describe('a trace (W3C Trace Context)'),
};
