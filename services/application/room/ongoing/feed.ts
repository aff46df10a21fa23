import type { OngoingRow } from './room-table.ts';

/** The offset of a partition that is to be read next. */
export interface Position {
  readonly partition: number;
  readonly offset: number;
}

/** A change of a room's row. */
export interface ToldRoom {
  readonly row: OngoingRow;
  readonly isOnAir: boolean;
}

/** What the feed tells at once, from one partition of its log. */
export interface ToldRooms {
  readonly partition: number;
  /** The offset that comes next. */
  readonly offset: number;
  readonly writtenAtMs: number;
  readonly rooms: readonly ToldRoom[];
  /** Changes before this one may be lost: only a full refresh begun after it can tell. */
  readonly isGap: boolean;
}

/** The changes of rooms of all databases. A scan begun after `end` may be followed from there. */
export interface RoomFeed {
  end(): Promise<readonly Position[]>;
  /** Errors: those of the log, LOG_TRIMMED when it no longer has what comes next. */
  follow(from: readonly Position[], signal: AbortSignal): AsyncIterable<ToldRooms>;
}
