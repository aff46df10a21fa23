import { CodedError, codeOf } from '@gala/lib/error';
import type { Handlers } from '@gala/lib/rpc';
import { commonErrors } from '@gala/protocol/errors';
import { roomIdMax, userIdMax } from '@gala/protocol/ids';
import type { AskedRow, ReaderService } from '@gala/protocol/reader';
import type { DbReader } from './db-reader.ts';
import { keysPerCallMax } from './limits.ts';
import { storedHost, storedRoom } from './stored.ts';

/** Each key gets its own answer, so that a database that is down fails only its own. */
export function createReaderHandlers(reader: DbReader): Handlers<typeof ReaderService> {
  return {
    readRooms: async ({ rooms }) => {
      const read = async (asked: AskedRow) => {
        const room = await reader.room(idOf(asked.id, roomIdMax), Number(asked.leastVersion));
        return room ? { room: storedRoom(room) } : {};
      };
      return { rooms: await readAll(rooms, read) };
    },
    readArchivedRooms: async ({ rooms }) => {
      const read = async ({ id }: AskedRow) => {
        const room = await reader.archivedRoom(idOf(id, roomIdMax));
        return room ? { room: storedRoom(room) } : {};
      };
      return { rooms: await readAll(rooms, read) };
    },
    readHosts: async ({ hosts }) => {
      const read = async (asked: AskedRow) => {
        const host = await reader.host(idOf(asked.id, userIdMax), Number(asked.leastVersion));
        return host ? { host: storedHost(host) } : {};
      };
      return { hosts: await readAll(hosts, read) };
    },
  };
}

function readAll<Answer extends object>(
  asked: readonly AskedRow[],
  read: (asked: AskedRow) => Promise<Answer>,
): Promise<(Answer | { error: string })[]> {
  if (asked.length > keysPerCallMax) throw invalid(`more than ${keysPerCallMax} keys`);
  return Promise.all(
    asked.map((each) => read(each).catch((error: unknown) => ({ error: codeOf(error) || 'INTERNAL' }))),
  );
}

function idOf(id: bigint, max: number): number {
  if (id < 1n || id > BigInt(max)) throw invalid('id');
  return Number(id);
}

function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}
