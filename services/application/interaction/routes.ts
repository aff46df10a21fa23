import { hasCode, CodedError } from '@gala/lib/error';
import { mapErrors, type Handlers } from '@gala/lib/rpc';
import { commonErrors, protocolErrors } from '@gala/protocol/errors';
import type * as wire from '@gala/protocol/interaction';
import type { Deliveries } from './delivery.ts';
import { encodeJson, wireState } from './encoding.ts';
import { readBatches, type ReadingOptions } from './reading.ts';
import type { Room } from './room.ts';
import type { Rooms } from './rooms.ts';
import type { Sayings } from './sayings.ts';
import { attendanceOf, draftOf, invalid, jsonOf, nodeOf, roomIdOf, submissionOf } from './wire.ts';

export interface RoutedParts extends ReadingOptions {
  readonly rooms: Rooms;
  readonly sayings: Sayings;
  readonly deliveries: Deliveries;
}

type Service = typeof wire.InteractionService;
type HandlersOf<Names extends keyof Handlers<Service>> = Pick<Handlers<Service>, Names>;

const submissionsMax = 10_000;
const reportsMax = 20_000;
const peersMax = 1000;
const batchesMax = 1000;
const stateNamePattern = /^[\w.-]{1,64}$/;
const publishIdPattern = /^[\w.:/-]{0,128}$/;

/** Operations of the protocol as calls of the domain; conversions happen here and nowhere else. */
export function createHandlers(parts: RoutedParts): Handlers<Service> {
  const handlers = { ...nodeHandlers(parts), ...readHandlers(parts), ...publishHandlers(parts) };
  return mapErrors(handlers, toProtocolError);
}

function nodeHandlers({
  rooms,
  sayings,
  deliveries,
  clock,
}: RoutedParts): HandlersOf<'openRoom' | 'closeRoom' | 'submit' | 'reportPresence'> {
  return {
    openRoom: async ({ roomId, node }) => {
      const room = await rooms.open(roomIdOf(roomId));
      deliveries.open(room, nodeOf(node));
      return opened(room);
    },
    closeRoom: async ({ roomId, node }) => {
      const room = rooms.find(roomIdOf(roomId));
      if (room) deliveries.close(room, node);
      room?.leave(node, clock.nowMs());
      return {};
    },
    submit: async ({ node, submissions }) => {
      if (submissions.length > submissionsMax) throw invalid('submissions');
      return { results: await sayings.submit(nodeOf(node), submissions.map(submissionOf)) };
    },
    reportPresence: async ({ node, rooms: reports }) => {
      if (reports.length > reportsMax) throw invalid('rooms');
      const notOwned: bigint[] = [];
      const incomplete: bigint[] = [];
      for (const report of reports) {
        const room = rooms.find(Number(report.roomId));
        if (!room) notOwned.push(report.roomId);
        else if (room.attend(nodeOf(node), attendanceOf(report), clock.nowMs()))
          incomplete.push(report.roomId);
      }
      return { notOwned, incomplete };
    },
  };
}

function readHandlers({ rooms, ...reading }: RoutedParts): HandlersOf<'readBatches' | 'readState'> {
  return {
    readBatches: async ({ roomId, epoch, after, limit, afterDurable }) => {
      const room = await rooms.open(roomIdOf(roomId));
      const position = {
        epoch: Number(epoch),
        after: Number(after),
        afterDurable: Number(afterDurable),
        limit: Math.min(batchesMax, Math.max(1, limit)),
      };
      const { isComplete, isDurableComplete, isDurablePending, batches } = readBatches(
        room,
        position,
        reading,
      );
      return {
        ...whereIs(room),
        complete: isComplete,
        durableComplete: isDurableComplete,
        durablePending: isDurablePending,
        batches: batches.map(({ wire: batch }) => batch),
      };
    },
    readState: async ({ roomId, versions }) => {
      const room = await rooms.open(roomIdOf(roomId));
      const known = Object.fromEntries(
        Object.entries(versions).map(([name, version]) => [name, Number(version)]),
      );
      return {
        epoch: BigInt(room.epoch),
        stateVersion: BigInt(room.parts.state.version),
        state: room.stateAbove(known).map(wireState),
      };
    },
  };
}

function publishHandlers({ rooms, sayings }: RoutedParts): HandlersOf<'publish'> {
  return {
    publish: async ({ roomId, publishId, what }) => {
      if (!publishIdPattern.test(publishId)) throw invalid('publish_id');
      const room = await rooms.open(roomIdOf(roomId));
      if (what.case === 'signal') {
        const { signalId } = await sayings.publish(room, draftOf(what.value), publishId);
        return { signalId };
      }
      if (what.case === 'peer') {
        const { userIds, signal } = what.value;
        if (userIds.length > peersMax) throw invalid('user_ids');
        const peer = { userIds: userIds.map(Number), draft: draftOf(signal) };
        const { signalId, reached } = await sayings.tell(room, peer, publishId);
        return { signalId, reached };
      }
      if (what.case !== 'state') throw invalid('what');
      const { name } = what.value;
      const value = jsonOf(what.value.value);
      if (!stateNamePattern.test(name) || value === undefined) throw invalid('state');
      await sayings.change(room, { name, value }, publishId);
      return {};
    },
  };
}

function opened(room: Room) {
  return {
    ...whereIs(room),
    stateVersion: BigInt(room.parts.state.version),
    state: room.stateAbove({}).map(wireState),
    rules: encodeJson(room.rules),
  };
}

function whereIs({ epoch, told }: Room) {
  return { epoch: BigInt(epoch), offset: BigInt(told.offset), durable: BigInt(told.durable) };
}

/** What is of our own parts below is UNAVAILABLE to callers: they ask again. */
function toProtocolError(error: unknown): unknown {
  if (!hasCode(error) || error.code in protocolErrors) return error;
  return new CodedError(commonErrors, 'UNAVAILABLE', { cause: error, retryAfterSeconds: 1 });
}
