import type { Context } from '@gala/lib/lifecycle';
import { CodedError } from '@gala/lib/error';
import type { Handlers } from '@gala/lib/rpc';
import { closeCodes, encodeFrame, opcodes } from '@gala/lib/websocket';
import { signalErrors } from '@gala/protocol/errors';
import { SignalService, type DeliverRequest } from '@gala/protocol/signal';
import type { SignalConfig } from './config.ts';
import type { Connection } from './connection.ts';
import type { Door } from './door.ts';
import type { Drain } from './drain.ts';
import type { SignalEvents } from './events.ts';
import type { Load } from './load.ts';
import type { Rooms } from './rooms.ts';

export interface OperatorParts {
  readonly config: SignalConfig;
  readonly door: Door;
  readonly rooms: Rooms;
  readonly load: Load;
  readonly drain: Drain;
  readonly events: SignalEvents;
}

const listedRoomsMax = 100;

/** What owners bring to this node, and what operators see of it and do with it, over rpc. */
export function serveNode(
  { clock, rpc }: Pick<Context, 'clock' | 'rpc'>,
  parts: OperatorParts,
): Promise<AsyncDisposable> {
  const startedAtMs = BigInt(Math.round(clock.nowMs()));
  const handlers: Handlers<typeof SignalService> = {
    deliver: async (request) => ({ unknownRooms: deliver(parts, request) }),
    getNode: async () => ({ ...describe(parts), startedAtMs }),
    kick: async ({ roomId, userId, device, code }) => {
      const kicked = kick(parts, { roomId: Number(roomId), userId: Number(userId), device, code });
      if (kicked > 0) parts.events.kicked(Number(roomId), Number(userId), code);
      return { connections: kicked };
    },
    drain: async () => {
      const { drain } = parts;
      if (!drain.isDraining && !drain.hasElsewhere) throw new CodedError(signalErrors, 'NODE_ALONE');
      // Who closes the node waits for the end.
      drain.begin().catch(() => undefined);
      return {};
    },
  };
  return rpc.serve(SignalService, handlers);
}

/** Answers the rooms that are not here. */
function deliver({ rooms, events, door }: OperatorParts, { batches, peers }: DeliverRequest): bigint[] {
  const unknown: bigint[] = [];
  for (const batch of batches) {
    const room = rooms.get(Number(batch.roomId));
    if (room) room.accept(batch);
    else unknown.push(batch.roomId);
  }
  for (const { roomId, connections, signal } of peers) {
    const frame = encodeFrame(
      Buffer.from(`{"type":"peer","signal":${Buffer.from(signal).toString()}}`),
      opcodes.text,
    );
    for (const id of connections) {
      const connection = door.find(Number(id));
      if (connection?.room?.id !== Number(roomId)) continue;
      connection.write(frame);
      events.counters.peersDelivered++;
    }
  }
  return unknown;
}

function describe({ config, door, rooms, drain, load }: OperatorParts) {
  const sizes = [...rooms].map(({ id, audience }) => ({ roomId: BigInt(id), connections: audience.size }));
  return {
    connections: door.size,
    connectionsMax: config.connectionsMax,
    rooms: rooms.size,
    draining: drain.isDraining,
    loopDelayMs: load.loopDelayMs,
    publicUrl: config.publicUrl ?? '',
    largestRooms: sizes
      .toSorted((one, other) => other.connections - one.connections)
      .slice(0, listedRoomsMax),
  };
}

interface Kicked {
  readonly roomId: number;
  readonly userId: number;
  readonly device: string;
  readonly code: string;
}

/** Answers how many connections that were. */
function kick({ rooms }: OperatorParts, { roomId, userId, device, code }: Kicked): number {
  const isMeant = ({ ticket }: Connection): boolean =>
    userId > 0 ? ticket?.userId === userId : device !== '' && ticket?.device === device;
  const meant = [...connectionsOf(rooms, roomId)].filter(isMeant);
  for (const connection of meant) {
    connection.bye({ code: code || 'KICKED', retryAfterMs: 0 }, closeCodes.policyViolation);
  }
  return meant.length;
}

/** Of a room; 0 stands for all that are here. */
function* connectionsOf(rooms: OperatorParts['rooms'], roomId: number): Generator<Connection> {
  const room = rooms.get(roomId);
  for (const { audience } of room ? [room] : roomId === 0 ? rooms : []) yield* audience;
}
