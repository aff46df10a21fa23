import { CodedError, hasCode } from '@gala/lib/error';
import type { SignInResponse } from '@gala/protocol/account';
import { protocolErrors } from '@gala/protocol/errors';
import type { OperationName, Principal, Room, Session } from '@gala/protocol/rest';
import type { Room as RpcRoom } from '@gala/protocol/room';
import { checkGrantedScopes, checkMayWatch, checkOwnRoom, ownUserId } from './access.ts';
import type { Call, Caller, Handlers, Reply } from './call.ts';
import { restApiToken, restHost, restIssuer, restRoom, rpcVisibility } from './conversions.ts';
import { enterRoom, hostIdOf, roomIdOf } from './enter.ts';
import { hostMediaHandlers } from './host-media.ts';
import { createHost } from './host.ts';
import { catalogHandlers } from './catalog.ts';
import { jobHandlers } from './jobs.ts';
import { chatHandlers } from './chats.ts';
import { programmeHandlers } from './programmes.ts';
import { publishHandlers } from './publish.ts';
import { recordingHandlers } from './recordings.ts';
import { isSameOrigin } from './page.ts';
import type { Parts } from './parts.ts';
import { publishTarget, withCover } from './play.ts';
import { setCookie } from './session.ts';
import { signalHandlers } from './signals.ts';
import { switchHandlers } from './switches.ts';
import { streamHandlers } from './streams.ts';
import { traceHandlers } from './traces.ts';

type HandlersOf<Name extends OperationName> = Pick<Handlers, Name>;

/** Operation → domain calls. What reaches a handler has the shapes of the table and passed the access rules. */
export function createHandlers(parts: Parts): Handlers {
  return {
    ...sessionHandlers(parts),
    ...hostHandlers(parts),
    ...hostMediaHandlers(parts),
    ...recordingHandlers(parts),
    ...roomHandlers(parts),
    ...tokenHandlers(parts),
    ...issuerHandlers(parts),
    ...streamHandlers(parts),
    ...traceHandlers(parts),
    ...jobHandlers(parts),
    ...catalogHandlers(parts),
    ...programmeHandlers(parts),
    ...chatHandlers(parts),
    ...signalHandlers(parts),
    ...publishHandlers(parts),
    ...switchHandlers(parts),
  };
}

function sessionHandlers(
  parts: Parts,
): HandlersOf<'signIn' | 'signInPartner' | 'getSession' | 'signOut' | 'setPassword'> {
  const { account, config } = parts;
  return {
    signIn: (call) =>
      signedIn(parts, call, () =>
        account.signIn({ ...call.body, remoteAddress: call.clientAddress }, call.rpc),
      ),
    signInPartner: (call) =>
      signedIn(parts, call, () => account.signInPartner({ jwt: call.body.jwt }, call.rpc)),
    getSession: async (call) => {
      const caller = await call.caller();
      const { csrfToken, expiresAtMs } = caller;
      return { body: { principal: principalOf(caller), csrfToken, ...(expiresAtMs && { expiresAtMs }) } };
    },
    signOut: async (call) => {
      const { credentials } = await call.caller();
      await account.signOut({ sessionToken: credentials.token }, call.rpc);
      return {
        body: undefined,
        setCookie: setCookie(config.cookie, { token: '', maxAgeSeconds: 0, page: call.page }),
      };
    },
    setPassword: async (call) => {
      const caller = await call.caller();
      const userId = BigInt(ownUserId(caller));
      const keepSessionToken = caller.credentials.token;
      await account.setPassword({ userId, password: call.body.password, keepSessionToken }, call.rpc);
      return { body: undefined };
    },
  };
}

function hostHandlers(
  parts: Parts,
): HandlersOf<'createHost' | 'getMyHost' | 'updateMyHost' | 'rotateStreamKey' | 'rotateHostStreamKey'> {
  const { room, config, events } = parts;
  const rotate = async (call: Pick<Call, 'caller' | 'page' | 'rpc'>, hostId: number) => {
    const { streamKey } = await room.rotateStreamKey({ hostId: BigInt(hostId) }, call.rpc);
    const { userId: by } = await call.caller();
    events.streamKeyRotated({ hostId, by });
    return { body: { streamKey, publish: publishTarget(call.page, config) } };
  };
  return {
    createHost: (call) => createHost(parts, call),
    getMyHost: async (call) => {
      const hostId = BigInt(ownUserId(await call.caller()));
      const [{ host }, present] = await Promise.all([
        room.getHost({ hostId }, call.rpc),
        room.getPresentRoom({ hostId }, call.rpc),
      ]);
      if (!host) throw new CodedError(protocolErrors, 'HOST_UNKNOWN');
      const publish = publishTarget(call.page, config);
      return {
        body: { host: restHost(host), ...(present.room && { room: restRoom(present.room) }), publish },
      };
    },
    updateMyHost: async (call) => {
      const { title, visibility, areaId, announcement } = call.body;
      const hostId = BigInt(ownUserId(await call.caller()));
      const changes = {
        ...(title !== undefined && { title }),
        ...(visibility && { visibility: rpcVisibility(visibility) }),
        ...(areaId !== undefined && { areaId }),
        ...(announcement !== undefined && { announcement }),
      };
      const { host } = await room.updateHost({ hostId, ...changes }, call.rpc);
      if (!host) throw new CodedError(protocolErrors, 'HOST_UNKNOWN');
      return { body: { host: restHost(host) } };
    },
    rotateStreamKey: async (call) => rotate(call, ownUserId(await call.caller())),
    rotateHostStreamKey: async (call) => rotate(call, await hostIdOf(parts, call)),
  };
}

function roomHandlers(
  parts: Parts,
): HandlersOf<'createRoom' | 'listLiveRooms' | 'getRoom' | 'enterRoom' | 'endRoom'> {
  const { room: service, events } = parts;
  return {
    createRoom: async (call) => {
      const hostId = BigInt(ownUserId(await call.caller()));
      const { title = '', startsAtMs = 0 } = call.body;
      const visibility = rpcVisibility(call.body.visibility);
      const { room } = await service.createRoom(
        { hostId, title, visibility, startsAtMs: BigInt(startsAtMs) },
        call.rpc,
      );
      return { body: { room: answered(room) } };
    },
    listLiveRooms: async (call) => {
      const { rooms, total, nextCursor } = await service.listLive(call.query, call.rpc);
      const listed = rooms.map((room) => withCover(restRoom(room), call.page, parts.config));
      const body = { rooms: listed, total, ...(nextCursor && { nextCursor }) };
      return { body, cacheControl: 'public, max-age=1' };
    },
    getRoom: async (call) => {
      const roomId = BigInt(roomIdOf(call.params.roomId));
      const room = answered((await service.getRoom({ roomId }, call.rpc)).room);
      if (room.visibility === 'private') checkMayWatch(await call.visitor(), room);
      return { body: { room } };
    },
    enterRoom: (call) => enterRoom(parts, call),
    endRoom: async (call) => {
      const roomId = roomIdOf(call.params.roomId);
      const caller = await call.caller();
      checkOwnRoom(caller, roomId);
      const { reason = '' } = call.body;
      const { room } = await service.endRoom({ roomId: BigInt(roomId), reason }, call.rpc);
      events.roomEnded({ roomId, by: caller.userId });
      return { body: { room: answered(room) } };
    },
  };
}

function tokenHandlers(parts: Parts): HandlersOf<'createApiToken' | 'listApiTokens' | 'revokeApiToken'> {
  const { account, events } = parts;
  return {
    createApiToken: async (call) => {
      const caller = await call.caller();
      const userId = ownUserId(caller);
      const { name, scopes, expiresAtMs = 0 } = call.body;
      checkGrantedScopes(caller, scopes);
      const answer = await account.createApiToken(
        { userId: BigInt(userId), name, scopes, expiresAtMs: BigInt(expiresAtMs) },
        call.rpc,
      );
      if (!answer.apiToken) throw new TypeError('the account service answered no token');
      events.apiTokenCreated({ userId, tokenId: answer.apiToken.tokenId });
      return { body: { apiToken: restApiToken(answer.apiToken), token: answer.token } };
    },
    listApiTokens: async (call) => {
      const userId = BigInt(ownUserId(await call.caller()));
      const { apiTokens } = await account.listApiTokens({ userId }, call.rpc);
      return { body: { apiTokens: apiTokens.map(restApiToken) } };
    },
    revokeApiToken: async (call) => {
      const userId = ownUserId(await call.caller());
      const { tokenId } = call.params;
      await account.revokeApiToken({ userId: BigInt(userId), tokenId }, call.rpc);
      events.apiTokenRevoked({ userId, tokenId });
      return { body: undefined };
    },
  };
}

function issuerHandlers({ account, events }: Parts): HandlersOf<'putIssuer' | 'listIssuers'> {
  return {
    putIssuer: async (call) => {
      const { userId: by } = await call.caller();
      await account.putIssuer({ issuer: call.body }, call.rpc);
      events.issuerPut({ issuer: call.body.issuer, by });
      return { body: undefined };
    },
    listIssuers: async (call) => {
      const { issuers } = await account.listIssuers({}, call.rpc);
      return { body: { issuers: issuers.map(restIssuer) } };
    },
  };
}

type SignInCall = Pick<Call, 'request' | 'page' | 'clientAddress'>;

/** Signs in unless another site's page asks for it, and sets the cookie. */
async function signedIn(
  parts: Parts,
  { request, page, clientAddress: address }: SignInCall,
  signIn: () => Promise<SignInResponse>,
): Promise<Reply<Session>> {
  if (!isSameOrigin(request, page)) {
    throw new CodedError(protocolErrors, 'FORBIDDEN', { detail: 'sign-in from another site' });
  }
  const { principal, sessionToken, expiresAtMs } = await signIn().catch((error: unknown) => {
    if (hasCode(error)) parts.events.signInRefused({ code: error.code, address });
    throw error;
  });
  if (!principal) throw new TypeError('the account service answered no principal');
  const userId = Number(principal.userId);
  parts.events.signedIn({ userId, address });
  const maxAgeSeconds = (Number(expiresAtMs) - parts.clock.nowMs()) / 1000;
  const body = {
    principal: principalOf({ ...principal, userId }),
    csrfToken: principal.csrfToken,
    expiresAtMs: Number(expiresAtMs),
  };
  return { body, setCookie: setCookie(parts.config.cookie, { token: sessionToken, maxAgeSeconds, page }) };
}

function principalOf({
  userId,
  name,
  roles,
  scopes,
}: Pick<Caller, 'userId' | 'name' | 'roles' | 'scopes'>): Principal {
  return { userId, name, roles: roles as Principal['roles'], scopes: [...scopes] };
}

function answered(room: RpcRoom | undefined): Room {
  if (!room) throw new CodedError(protocolErrors, 'ROOM_UNKNOWN');
  return restRoom(room);
}
