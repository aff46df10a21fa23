import type { Change } from '@gala/lib/changes';
import { roomTopic } from '@gala/protocol/room';
import type { OngoingRow } from './room-table.ts';

/** What of them leaves the databases. */
export const roomFeed = {
  topic: roomTopic,
  tables: [
    {
      name: 'room',
      columns: [
        'shard',
        'room_id',
        'archived_week',
        'version',
        'epoch',
        'started_at_ms',
        'state',
        'visibility',
        'edge_id',
        'area_id',
        'title',
      ],
      // The row of an ended room that goes to its week is deleted here and inserted there: neither tells anything.
      where: 'archived_week = 0',
    },
  ],
};

export interface ToldRoom {
  readonly row: OngoingRow;
  readonly isOnAir: boolean;
}

/**
 * A change as the set of rooms takes it. Undefined for one that says nothing of a room: a row that was deleted lies
 * elsewhere, or its time is over, but a room leaves the air by its state.
 */
export function toldRoom({ kind, row }: Change): ToldRoom | undefined {
  if (kind !== 'insert' && kind !== 'update') return undefined;
  const { room_id: roomId, version, epoch, started_at_ms: startedAtMs, state } = row;
  const told = {
    roomId: Number(roomId),
    version: Number(version),
    epoch: Number(epoch),
    startedAtMs: Number(startedAtMs),
    isHeld: state === 'hold',
    isPublic: row['visibility'] === 'public',
    edgeId: textOf(row['edge_id']),
    areaId: textOf(row['area_id']),
    title: Buffer.from(textOf(row['title'])),
  };
  return { row: told, isOnAir: state === 'live' || state === 'hold' };
}

function textOf(value: Change['row'][string]): string {
  return typeof value === 'string' ? value : '';
}
