import { watchDisk, type DiskWatch } from '@gala/lib/disk';
import type { Context, Role } from '@gala/lib/lifecycle';
import { RoomService } from '@gala/protocol/room';
import { Admission } from './admission.ts';
import { readConfig, readDiskConfig } from './config.ts';
import { RoomEvents } from './events.ts';
import { HeartBeats } from './heart-beats.ts';
import { Hosts } from './hosts.ts';
import { LiveList } from './live-list.ts';
import { Reads } from './reads.ts';
import { Recordings } from './recordings.ts';
import { Rooms } from './rooms.ts';
import { createHandlers } from './routes.ts';
import { Sweeper } from './sweeper.ts';

export { diskSection, roomSection } from './config.ts';
export { migrations } from './store/schema.ts';

/** Hosts, stream keys and rooms: created → live ⇄ hold → ended. */
export const role: Role = {
  name: 'room',
  async start(context) {
    await using started = new AsyncDisposableStack();
    const parts = partsOf(context, started.use(await openDisk(context)));
    started.use(new Sweeper(parts, await context.coord.members('edge')));
    started.use(await context.rpc.serve(RoomService, createHandlers(routedParts(parts))));
    return started.move();
  },
};

type Parts = ReturnType<typeof partsOf>;

function openDisk({ dataFolder: folder, settings, logger, metrics }: Context): Promise<DiskWatch> {
  return watchDisk({ folder, logger, metrics, ...readDiskConfig(settings) });
}

function partsOf({ sql, coord, clock, metrics, logger, settings, tracer }: Context, disk: DiskWatch) {
  const config = readConfig(settings);
  const events = new RoomEvents({ logger, metrics });
  const reads = new Reads({ sql, clock, config, metrics });
  return { sql, coord, clock, metrics, config, events, reads, disk, tracer };
}

function routedParts(parts: Parts) {
  return {
    hosts: new Hosts(parts),
    rooms: new Rooms(parts),
    admission: new Admission(parts),
    heartBeats: new HeartBeats(parts),
    liveList: new LiveList(parts),
    recordings: new Recordings(parts),
    holdMs: parts.config.holdMs,
    tracer: parts.tracer,
  };
}
