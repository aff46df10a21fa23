import { CodedError } from '@gala/lib/error';
import type { Database } from '@gala/lib/sql';
import { commonErrors } from '@gala/protocol/errors';
import type { Room } from '../room.ts';

/**
 * Asks all archives at once and is done as soon as every room is found: they are few, and an answer of one is as good
 * as that of another. What none has is absent, unless one did not answer: then nobody knows.
 */
export async function findInArchives(
  archives: readonly Database[],
  roomIds: readonly number[],
  ask: (archive: Database) => Promise<readonly Room[]>,
): Promise<ReadonlyMap<number, Room | Error>> {
  const found = new Map<number, Room | Error>();
  const silent: unknown[] = [];
  const allFound = Promise.withResolvers<void>();
  const take = async (archive: Database): Promise<void> => {
    try {
      for (const room of await ask(archive)) found.set(room.roomId, room);
      if (found.size === roomIds.length) allFound.resolve();
    } catch (error) {
      silent.push(error);
    }
  };
  // Newest first: where an answer is at hand at once, it is most likely there.
  await Promise.race([allFound.promise, Promise.all(archives.toReversed().map(take))]);
  const rooms = new Map(found);
  if (silent.length === 0) return rooms;
  for (const roomId of roomIds) if (!rooms.has(roomId)) rooms.set(roomId, unanswered(silent));
  return rooms;
}

function unanswered(silent: readonly unknown[]): CodedError {
  const detail = `${silent.length} archives do not answer`;
  return new CodedError(commonErrors, 'UNAVAILABLE', { detail, cause: silent[0], retryAfterSeconds: 1 });
}
