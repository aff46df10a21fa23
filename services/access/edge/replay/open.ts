import type { IncomingMessage } from 'node:http';
import type { Context } from '@gala/lib/lifecycle';
import { RoomService } from '@gala/protocol/room';
import type { PlayKeys } from '../play-keys.ts';
import type { Play } from '../play.ts';
import { readRecord } from '../record/config.ts';
import type { OpenRecordings } from '../record/open.ts';
import { ReplayDoor } from './door.ts';
import { Indexes } from './indexes.ts';
import { Shelf } from './shelf.ts';

export interface ReplayParts {
  readonly recordings: OpenRecordings;
  readonly keys: PlayKeys;
  readonly play: Play;
}

/** The door of replays over the folders of all processes of this machine. */
export function openReplay(context: Context, { recordings, keys, play }: ReplayParts): ReplayDoor {
  const { clock, metrics, rpc, settings } = context;
  const { readersMax, readersPerAddressMax, readIdleMs } = readRecord(settings);
  const { folder, events } = recordings;
  const shelf = new Shelf({ rooms: rpc.client(RoomService), clock, folder, openedMax: readersMax });
  const indexes = new Indexes(shelf);
  const requesterOf = (request: IncomingMessage): string => play.requesterOf(request);
  const limits = { readersMax, readersPerAddressMax, readIdleMs };
  const door = new ReplayDoor({ shelf, indexes, keys, events, requesterOf, ...limits });
  metrics.gauge('gala_replay_readers', 'recordings being sent', () => door.readers);
  metrics.gauge('gala_replay_fragments', 'fragments in the indexes in memory', () => indexes.fragments);
  return door;
}
