import type { Sql } from '@gala/lib/sql';
import { shardOfRoom, shardOfUser } from '@gala/protocol/ids';
import type { RoomEvents } from './events.ts';
import type { Reads } from './reads.ts';
import type { Room } from './room.ts';
import { hideRecordings, listHostRecordings, listRemovals, saveRecording } from './store/recordings.ts';

const roomsMax = 100;
const removalsMax = 100;

export type RecordingFormat = 'mp4' | 'flv';
/** `removing`: gone for everybody, and still to be removed by the edge that has it. */
export type RecordingState = 'recording' | 'done' | 'failed' | 'removing' | 'removed';

/** One file of a recording, named by its room, the time of its first picture, and its format. */
export interface Recording {
  readonly roomId: number;
  readonly startedAtMs: number;
  readonly format: RecordingFormat;
  /** Of the process that has it. */
  readonly folder: string;
  readonly durationMs: number;
  readonly bytes: number;
  readonly state: RecordingState;
  readonly reason: string;
}

/** A room with its recordings in the order of time. */
export interface RecordedRoom {
  readonly room: Room;
  readonly recordings: readonly Recording[];
}

export interface RecordingParts {
  readonly sql: Sql;
  readonly events: RoomEvents;
  readonly reads: Reads;
}

/** What the edges keep of the streams: where it is, how long it is, and what is to be removed. */
export class Recordings {
  readonly #parts: RecordingParts;

  constructor(parts: RecordingParts) {
    this.#parts = parts;
  }

  /** Idempotent: a state that came later stays, in whatever order reports arrive. */
  async report(recording: Recording): Promise<void> {
    const { sql, events, reads } = this.#parts;
    await sql.tx(shardOfRoom(recording.roomId), (client) => saveRecording(client, recording));
    events.recordingReported(recording);
    reads.forgetRecordings(recording.roomId);
  }

  ofRoom(roomId: number): Promise<readonly Recording[]> {
    return this.#parts.reads.recordings(roomId);
  }

  /** Newest rooms first. Files stay where they are for as long as they exist; their rooms may be in the archive. */
  async ofHost(hostId: number, page: { limit: number; beforeRoomId: number }): Promise<RecordedRoom[]> {
    const limit = Math.min(Math.max(1, page.limit), roomsMax);
    const { sql, reads } = this.#parts;
    const list = { ...page, limit };
    const found = await sql.read(shardOfUser(hostId), (client) => listHostRecordings(client, hostId, list));
    const rooms = await Promise.all(found.map(async ({ room, roomId }) => room ?? reads.room(roomId)));
    return found.flatMap(({ recordings }, index) => {
      const room = rooms[index];
      return room ? [{ room, recordings }] : [];
    });
  }

  /** At once nobody sees them any more; their edge removes them when it asks next. */
  async remove(roomId: number): Promise<void> {
    const { sql, events, reads } = this.#parts;
    const files = await sql.tx(shardOfRoom(roomId), (client) => hideRecordings(client, roomId));
    if (files > 0) events.recordingsHidden(roomId, files);
    reads.forgetRecordings(roomId);
  }

  /** What a process is still to remove from its folder, over all shards. */
  async removals(folder: string): Promise<Recording[]> {
    const found = await Promise.all(
      this.#parts.sql.shards().map(({ pool }) => listRemovals(pool, folder, removalsMax)),
    );
    return found.flat().slice(0, removalsMax);
  }
}
