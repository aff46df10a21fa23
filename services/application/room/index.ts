import type { Context, Role } from '@gala/lib/lifecycle';
import { RoomService } from '@gala/protocol/room';
import { Admission } from './admission.ts';
import { readConfig } from './config.ts';
import { RoomEvents } from './events.ts';
import { HeartBeats } from './heart-beats.ts';
import { Hosts } from './hosts.ts';
import { LiveList } from './live-list.ts';
import { Reads } from './reads.ts';
import { Rooms } from './rooms.ts';
import { createHandlers } from './routes.ts';
import { Sweeper } from './sweeper.ts';

export { roomSection } from './config.ts';
export { migrations } from './store/schema.ts';

/** Hosts, stream keys and rooms: created → live ⇄ hold → ended. */
export const role: Role = {
  name: 'room',
  async start(context) {
    const parts = partsOf(context);
    await using started = new AsyncDisposableStack();
    started.use(new Sweeper(parts, await context.coord.members('edge')));
    started.use(await context.rpc.serve(RoomService, createHandlers(routedParts(parts))));
    return started.move();
  },
};

type Parts = ReturnType<typeof partsOf>;

function partsOf({ sql, coord, clock, metrics, logger, settings }: Context) {
  const config = readConfig(settings);
  const events = new RoomEvents({ logger, metrics });
  const reads = new Reads({ sql, clock, config, metrics });
  return { sql, coord, clock, metrics, config, events, reads };
}

function routedParts(parts: Parts) {
  return {
    hosts: new Hosts(parts),
    rooms: new Rooms(parts),
    admission: new Admission(parts),
    heartBeats: new HeartBeats(parts),
    liveList: new LiveList(parts),
    holdMs: parts.config.holdMs,
  };
}
