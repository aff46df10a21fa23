import { randomBytes } from 'node:crypto';
import { CodedError, hasCode } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import type { Room } from '@gala/protocol/rest';
import { roomRoles, type RoomRole } from '@gala/protocol/signals';
import { signTicket } from '@gala/protocol/ticket';
import { checkMayWatch, isOperator } from './access.ts';
import type { Call, Caller, Handlers } from './call.ts';
import { restRoom } from './conversions.ts';
import { roomIdOf } from './enter.ts';
import { signingKey } from './grant.ts';
import type { Page } from './page.ts';
import type { Parts } from './parts.ts';
import { SignalNodes } from './signal-nodes.ts';

type SignalOperation = 'enterSignals' | 'listSignalNodes' | 'drainSignalNode';

/** How long somebody may take to connect; who is connected gets one for coming back. */
const ticketMs = 120_000;
/** Nobody waits long for his role: without an answer his account says it. */
const admitMs = 1_000;

/** Entry to what rooms say, and the nodes that bring it. */
export function signalHandlers(parts: Parts): Pick<Handlers, SignalOperation> {
  const { signals, events, clock } = parts;
  const nodes = new SignalNodes(signals, clock);
  return {
    enterSignals: async (call) => {
      const roomId = roomIdOf(call.params.roomId);
      const { room: found } = await parts.room.getRoom({ roomId: BigInt(roomId) }, call.rpc);
      if (!found) throw new CodedError(protocolErrors, 'ROOM_UNKNOWN');
      const room = restRoom(found);
      const visitor = await call.visitor();
      checkMayWatch(visitor, room);
      const role = await roleOf(parts, call, { room, visitor });
      const { userId = 0, name = '' } = visitor ?? {};
      const device = call.body.device ?? randomBytes(12).toString('base64url');
      const expiresAtMs = Math.round(clock.nowMs()) + ticketMs;
      const ticket = signTicket(
        { roomId, userId, name, role, device, expiresAtMs },
        await signingKey(parts, call, 'tickets'),
      );
      const urls = await urlsOf(nodes, roomId, {
        page: call.page,
        basePath: parts.config.basePath,
      });
      return { body: { ...urls, ticket, expiresAtMs } };
    },
    listSignalNodes: async ({ rpc }) => {
      const { answers, unreachable } = await signals.ask(rpc, (node, options) => node.getNode({}, options));
      const listed = answers.map(({ member, answer }) => {
        const { startedAtMs, connections, connectionsMax, rooms, draining, loopDelayMs, publicUrl } = answer;
        const counts = { connections, connectionsMax, rooms, draining, loopDelayMs, publicUrl };
        return { nodeId: member, startedAtMs: Number(startedAtMs), ...counts };
      });
      return { body: { nodes: listed, unreachable } };
    },
    drainSignalNode: async ({ params: { nodeId }, body: { reason }, rpc, caller }) => {
      const { userId: by } = await caller();
      if (!(await signals.members()).includes(nodeId)) throw new CodedError(protocolErrors, 'NOT_FOUND');
      await signals.client.drain({}, { ...rpc, member: nodeId });
      events.signalNodeDrained({ nodeId, by, reason });
      return { body: { draining: true } };
    },
  };
}

/**
 * What the caller is in the room. While nobody can be asked he is what his account says, so that chat opens: whoever
 * decides about what he says knows more.
 * @throws CodedError BANNED
 */
async function roleOf(
  parts: Parts,
  { rpc }: Pick<Call, 'rpc'>,
  { room, visitor }: { readonly room: Room; readonly visitor: Caller | undefined },
): Promise<RoomRole> {
  const userId = visitor?.userId ?? 0;
  const operator = visitor !== undefined && isOperator(visitor);
  const request = { roomId: BigInt(room.roomId), userId: BigInt(userId), operator };
  try {
    const { role, banned } = await parts.moderation.client.admit(request, { ...rpc, timeoutMs: admitMs });
    if (banned) throw new CodedError(protocolErrors, 'BANNED');
    return roomRoles.find((each) => each === role) ?? 'viewer';
  } catch (error) {
    if (!hasCode(error, 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'INTERNAL', 'NOT_OWNER')) throw error;
    parts.events.partUnavailable();
    if (operator) return 'operator';
    return userId !== 0 && userId === room.hostId ? 'host' : 'viewer';
  }
}

/** @throws CodedError UNAVAILABLE when there is no node */
async function urlsOf(
  nodes: SignalNodes,
  roomId: number,
  { page, basePath }: { readonly page: Page; readonly basePath: string },
): Promise<{ urls: string[]; readUrls: string[] }> {
  const found = await nodes.forRoom(roomId);
  if (found.length === 0) {
    throw new CodedError(protocolErrors, 'UNAVAILABLE', { detail: 'no signal node', retryAfterSeconds: 1 });
  }
  const own = `${page.scheme === 'https' ? 'wss' : 'ws'}://${page.host}${basePath}/signal`;
  const urls = [...new Set(found.map(({ node }) => secured(node.publicUrl || own, page)))];
  const readUrls = urls.map((url) => `${url.replace(/^ws/, 'http')}/rooms/${roomId}`);
  return { urls, readUrls };
}

/** A page loaded by HTTPS connects by TLS alone. */
function secured(url: string, page: Page): string {
  return page.scheme === 'https' ? url.replace(/^ws:/, 'wss:') : url;
}
