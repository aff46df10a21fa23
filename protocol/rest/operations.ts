import { z } from 'zod';
import type { Operation } from './operation.ts';
import { roomIdMax } from '../ids/index.ts';
import { areaId } from '../settings/index.ts';
import * as shape from './schemas.ts';
import { chatOperations } from './chat-operations.ts';
import { catalogOperations } from './catalog-operations.ts';
import { jobOperations } from './job-operations.ts';
import { programmeOperations } from './programme-operations.ts';
import { signalOperations } from './signal-operations.ts';
import { streamOperations } from './stream-operations.ts';

/** Every operation of `/v1`: the gateway serves this table, the OpenAPI document and the SDK's types come from it. */
export const operations = {
  signIn: {
    method: 'POST',
    path: '/v1/sessions',
    summary: 'Sign in by name and password; sets the session cookie',
    access: 'anyone',
    body: z.object({ name: z.string().max(64), password: z.string().max(256) }),
    status: 201,
    response: shape.session,
  },
  signInPartner: {
    method: 'POST',
    path: '/v1/sessions/partner',
    summary: "Sign in by a partner issuer's JWT; sets the session cookie",
    access: 'anyone',
    body: z.object({ jwt: z.string().max(8192) }),
    status: 201,
    response: shape.session,
  },
  getSession: {
    method: 'GET',
    path: '/v1/sessions/current',
    summary: 'Who is signed in',
    access: 'user',
    status: 200,
    response: shape.session,
  },
  signOut: {
    method: 'DELETE',
    path: '/v1/sessions/current',
    summary: 'Sign out; the session ends everywhere',
    access: 'user',
    status: 204,
  },
  setPassword: {
    method: 'PUT',
    path: '/v1/users/me/password',
    summary: 'Change the own password; ends all other sessions',
    access: 'user',
    body: z.object({ password: shape.password }),
    status: 204,
  },
  createHost: {
    method: 'POST',
    path: '/v1/hosts',
    summary: 'Make a user who may broadcast; the stream key is shown once',
    access: 'operator',
    scope: 'hosts:write',
    body: z.object({
      name: shape.hostName,
      password: shape.password.optional(),
      title: shape.title.optional(),
    }),
    status: 201,
    response: z.object({ host: shape.host, streamKey: z.string(), publish: shape.publishTarget }),
  },
  getMyHost: {
    method: 'GET',
    path: '/v1/hosts/me',
    summary: 'The own host profile, its present room and where to publish',
    access: 'host',
    scope: 'rooms:read',
    status: 200,
    response: z.object({ host: shape.host, room: shape.room.optional(), publish: shape.publishTarget }),
  },
  updateMyHost: {
    method: 'PATCH',
    path: '/v1/hosts/me',
    summary: 'Change the title, who may watch, the area or the announcement',
    access: 'host',
    scope: 'hosts:write',
    body: z.object({
      title: shape.title.optional(),
      visibility: shape.visibility.optional(),
      areaId: z
        .union([z.literal(''), areaId])
        .optional()
        .describe('empty for none'),
      announcement: z.string().max(500).optional().describe('empty takes it away'),
    }),
    status: 200,
    response: z.object({ host: shape.host }),
  },
  rotateStreamKey: {
    method: 'POST',
    path: '/v1/hosts/me/stream-key',
    summary: 'Make a new stream key, shown once; the old one stops working',
    access: 'host',
    scope: 'hosts:write',
    status: 201,
    response: z.object({ streamKey: z.string(), publish: shape.publishTarget }),
  },
  rotateHostStreamKey: {
    method: 'POST',
    path: '/v1/hosts/{hostRef}/stream-key',
    summary: 'Make a new stream key for any host; `hostRef` is a host id or `@name`',
    access: 'operator',
    scope: 'hosts:write',
    status: 201,
    response: z.object({ streamKey: z.string(), publish: shape.publishTarget }),
  },
  getMyHostMedia: {
    method: 'GET',
    path: '/v1/hosts/me/media',
    summary: 'What is done with the own streams: recording, forwards, source',
    access: 'host',
    scope: 'hosts:write',
    status: 200,
    response: z.object({ media: shape.hostMedia }),
  },
  putMyHostMedia: {
    method: 'PUT',
    path: '/v1/hosts/me/media',
    summary: 'Replace it; a stream that is on air follows at its next publish',
    access: 'host',
    scope: 'hosts:write',
    body: shape.hostMedia,
    status: 200,
    response: z.object({ media: shape.hostMedia }),
  },
  getHostMedia: {
    method: 'GET',
    path: '/v1/hosts/{hostRef}/media',
    summary: 'What is done with the streams of any host; `hostRef` is a host id or `@name`',
    access: 'operator',
    scope: 'hosts:write',
    status: 200,
    response: z.object({ media: shape.hostMedia }),
  },
  putHostMedia: {
    method: 'PUT',
    path: '/v1/hosts/{hostRef}/media',
    summary: 'Replace it for any host',
    access: 'operator',
    scope: 'hosts:write',
    body: shape.hostMedia,
    status: 200,
    response: z.object({ media: shape.hostMedia }),
  },
  createRoom: {
    method: 'POST',
    path: '/v1/rooms',
    summary: "Schedule the host's next room; again rewrites it, and ending it cancels it",
    access: 'host',
    scope: 'rooms:write',
    body: z.object({
      title: shape.title.optional(),
      visibility: shape.visibility.optional(),
      startsAtMs: shape.timeMs.optional().describe('when it is to begin'),
    }),
    status: 201,
    response: z.object({ room: shape.room }),
  },
  listLiveRooms: {
    method: 'GET',
    path: '/v1/rooms',
    summary: 'Public rooms that are live or held, most viewers first',
    access: 'anyone',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).default(50),
      cursor: z.string().max(256).default(''),
      areaId: z
        .union([z.literal(''), areaId])
        .default('')
        .describe('only rooms of this area'),
    }),
    status: 200,
    response: z.object({
      rooms: z.array(shape.room),
      total: z.number().int().describe('of the area when one was asked for'),
      nextCursor: z.string().optional(),
    }),
  },
  getRoom: {
    method: 'GET',
    path: '/v1/rooms/{roomId}',
    summary: 'One room',
    access: 'anyone',
    status: 200,
    response: z.object({ room: shape.room }),
  },
  enterRoom: {
    method: 'GET',
    path: '/v1/rooms/{roomRef}/enter',
    summary:
      'Everything a viewer needs to watch; `roomRef` is a room id or `@name` for the present room of a host',
    access: 'anyone',
    status: 200,
    response: shape.enterAnswer,
  },
  endRoom: {
    method: 'POST',
    path: '/v1/rooms/{roomId}/end',
    summary: 'End a room now: its publisher is closed, its viewers see the end',
    access: 'host',
    scope: 'rooms:write',
    body: z.object({ reason: z.string().max(120).optional() }),
    status: 200,
    response: z.object({ room: shape.room }),
  },
  listMyRecordings: {
    method: 'GET',
    path: '/v1/hosts/me/recordings',
    summary: 'The own rooms that have recordings, newest first, with where to replay and download them',
    access: 'host',
    scope: 'rooms:read',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).default(50),
      beforeRoomId: z.coerce.number().int().min(0).max(roomIdMax).default(0),
    }),
    status: 200,
    response: z.object({ rooms: z.array(shape.recordedRoom) }),
  },
  deleteRecordings: {
    method: 'DELETE',
    path: '/v1/rooms/{roomId}/recordings',
    summary: 'Remove the recordings of a room: gone for everybody now, from the disk soon after',
    access: 'host',
    scope: 'rooms:write',
    status: 204,
  },
  createApiToken: {
    method: 'POST',
    path: '/v1/api-tokens',
    summary: 'Make an API token for the own user; it is shown once',
    access: 'user',
    scope: 'tokens:write',
    body: z.object({
      name: z.string().min(1).max(64),
      scopes: z.array(shape.scope).max(16),
      expiresAtMs: shape.timeMs.optional(),
    }),
    status: 201,
    response: z.object({ apiToken: shape.apiToken, token: z.string() }),
  },
  listApiTokens: {
    method: 'GET',
    path: '/v1/api-tokens',
    summary: 'The own API tokens, without their secrets',
    access: 'user',
    scope: 'tokens:write',
    status: 200,
    response: z.object({ apiTokens: z.array(shape.apiToken) }),
  },
  revokeApiToken: {
    method: 'DELETE',
    path: '/v1/api-tokens/{tokenId}',
    summary: 'Revoke an API token',
    access: 'user',
    scope: 'tokens:write',
    status: 204,
  },
  putIssuer: {
    method: 'PUT',
    path: '/v1/issuers',
    summary: 'Trust the JWTs of a partner issuer, or replace its keys',
    access: 'operator',
    body: shape.issuer,
    status: 204,
  },
  listIssuers: {
    method: 'GET',
    path: '/v1/issuers',
    summary: 'Trusted partner issuers',
    access: 'operator',
    status: 200,
    response: z.object({ issuers: z.array(shape.issuer) }),
  },
  ...streamOperations,
  ...jobOperations,
  ...catalogOperations,
  ...programmeOperations,
  ...chatOperations,
  ...signalOperations,
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;
type Table = typeof operations;
export type BodyOf<Name extends OperationName> = Table[Name] extends { body: z.ZodType }
  ? z.input<Table[Name]['body']>
  : undefined;
export type QueryOf<Name extends OperationName> = Table[Name] extends { query: z.ZodType }
  ? z.input<Table[Name]['query']>
  : undefined;
export type ResponseOf<Name extends OperationName> = Table[Name] extends { response: z.ZodType }
  ? z.output<Table[Name]['response']>
  : undefined;
