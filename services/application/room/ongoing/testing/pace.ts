import { setTimeout as delay } from 'node:timers/promises';
import { CodedError, codeOf } from '@gala/lib/error';
import type { Sql } from '@gala/lib/sql';
import { roomErrors } from '@gala/protocol/errors';
import { composeRoomId, shardOfUser } from '@gala/protocol/ids';

export interface PaceOptions {
  readonly hostIds: readonly number[];
  /** Rooms that begin, and as many that end. */
  readonly perSecond: number;
  readonly seconds: number;
  /** Sessions that these hosts have had. */
  readonly sessions: number;
}

export interface Paced {
  readonly begins: number;
  readonly ends: number;
  readonly failures: number;
  readonly failureCodes: readonly string[];
  readonly seconds: number;
}

const roundMs = 50;

/** Rooms begin and end at a pace, each in a transaction of its own: what began first ends first. */
export async function pace(sql: Sql, { hostIds, perSecond, seconds, sessions }: PaceOptions): Promise<Paced> {
  const counts = { begins: 0, ends: 0, failures: 0 };
  const startMs = performance.now();
  const under = new Set<Promise<void>>();
  const codes = new Set<string>();
  const count = (kind: 'begins' | 'ends', work: Promise<unknown>): void => {
    const done = work.then(
      () => void counts[kind]++,
      (error: unknown) => {
        counts.failures++;
        codes.add(codeOf(error));
      },
    );
    under.add(done);
    void done.finally(() => under.delete(done));
  };
  const begun: Promise<unknown>[] = [];
  /** A second's worth of rooms is on air before the first of them ends. */
  const lead = perSecond;
  const total = perSecond * seconds;
  for (let started = 0; started < total + lead;) {
    const due = Math.min(total + lead, Math.floor(((performance.now() - startMs) / 1000) * perSecond));
    for (; started < due; started++) {
      if (started < total) begun.push(begin(sql, hostIds[started], sessions + 1));
      if (started < total) count('begins', begun[started]);
      const ending = started - lead;
      if (ending >= 0)
        count(
          'ends',
          begun[ending].then(() => end(sql, hostIds[ending], sessions + 1)),
        );
    }
    await delay(roundMs);
  }
  await Promise.all(under);
  return { ...counts, failureCodes: [...codes], seconds: (performance.now() - startMs) / 1000 };
}

function begin(sql: Sql, hostId: number, session: number): Promise<unknown> {
  return sql.tx(shardOfUser(hostId), (client) =>
    client.query({
      name: 'pace-begin',
      text: `insert into room (shard, room_id, host_id, title, visibility, state, epoch, edge_id, created_at_ms,
               started_at_ms, key_frame_at_ms, held_at_ms, ended_at_ms, changed_at_ms, end_reason, report_sequence)
             values ($1, $2, $3, 'a new show', 'public', 'live', 1, 'media-1', $4, $4, 0, 0, 0, $4, '', -1)`,
      values: [shardOfUser(hostId), composeRoomId(hostId, session), hostId, Date.now()],
    }),
  );
}

async function end(sql: Sql, hostId: number, session: number): Promise<void> {
  const { rowCount } = await sql.tx(shardOfUser(hostId), (client) =>
    client.query({
      name: 'pace-end',
      text: `update room set state = 'ended', ended_at_ms = $3, edge_id = '' where shard = $1 and room_id = $2`,
      values: [shardOfUser(hostId), composeRoomId(hostId, session), Date.now()],
    }),
  );
  if (rowCount !== 1) throw new CodedError(roomErrors, 'ROOM_UNKNOWN');
}
