import { startChangeReaders } from '@gala/lib/changes';
import { watchDisk, type DiskWatch } from '@gala/lib/disk';
import type { Context, Role } from '@gala/lib/lifecycle';
import { RoomService } from '@gala/protocol/room';
import { Switches } from '@gala/lib/switches';
import * as settings from '@gala/protocol/settings';
import { CatalogService } from '@gala/protocol/catalog';
import { Admission } from './admission.ts';
import { Archiver } from './archive/archiver.ts';
import { Areas } from './areas.ts';
import { ComingRooms } from './coming-rooms.ts';
import { CatalogEvents } from './catalog-events.ts';
import { createCatalogHandlers } from './catalog-routes.ts';
import { readConfig, readDiskConfig } from './config.ts';
import { RoomEvents } from './events.ts';
import { HeartBeats } from './heart-beats.ts';
import { Hosts } from './hosts.ts';
import { LiveList } from './live-list.ts';
import { OngoingEvents } from './ongoing/events.ts';
import { OngoingKeeper } from './ongoing/keeper.ts';
import { roomFeed } from './ongoing/room-change.ts';
import { OngoingRooms } from './ongoing/ongoing-rooms.ts';
import { ViewerCounts } from './ongoing/viewer-counts.ts';
import { ReaderClient } from './reader/reader-client.ts';
import { Reads } from './reads.ts';
import { Recordings } from './recordings.ts';
import { PlayCounts } from './plays/play-counts.ts';
import { ProgrammeEvents } from './programmes/events.ts';
import { ProgrammeKeeper } from './programmes/keeper.ts';
import { Programmes } from './programmes/programmes.ts';
import { SiteNotice } from './site-notice.ts';
import { Rooms } from './rooms.ts';
import { createHandlers } from './routes.ts';
import { Sweeper } from './sweeper.ts';

export { diskSection, roomSection } from './config.ts';
export { readerRole } from './reader/index.ts';
export { migrations } from './store/schema.ts';

/** Hosts, stream keys and rooms: created → live ⇄ hold → ended. */
export const role: Role = {
  name: 'room',
  async start(context) {
    await using started = new AsyncDisposableStack();
    const catalogEvents = new CatalogEvents(context);
    const siteNotice = started.use(await SiteNotice.open({ ...context, catalogEvents }));
    const areas = started.use(await Areas.open({ ...context, catalogEvents }));
    const made = { ...partsOf(context, started.use(await openDisk(context))), areas };
    const switches = started.use(await openSwitches(context));
    const state = () => switches.get('playCounts');
    const playCounts = started.use(new PlayCounts({ ...context, ...made, state }));
    const parts = { ...made, playCounts };
    started.use(
      startChangeReaders({
        ...context,
        databases: parts.sql.shards(),
        log: context.eventlog,
        feeds: [roomFeed],
      }),
    );
    started.use(keepOngoing(context, parts));
    started.use(new Archiver({ ...parts, logger: context.logger }));
    const programmeEvents = new ProgrammeEvents(context);
    const programmes = new Programmes({ ...parts, programmeEvents });
    started.use(new ProgrammeKeeper({ ...parts, programmes, programmeEvents }));
    started.use(new Sweeper(parts, await context.coord.members('edge')));
    started.use(await context.rpc.serve(RoomService, createHandlers(routedParts(parts))));
    started.use(
      await context.rpc.serve(
        CatalogService,
        createCatalogHandlers({ ...parts, programmes, siteNotice, comingRooms: new ComingRooms(context) }),
      ),
    );
    return started.move();
  },
};

type Parts = ReturnType<typeof partsOf>;

function openDisk({ dataFolder: folder, settings, logger, metrics }: Context): Promise<DiskWatch> {
  return watchDisk({ folder, logger, metrics, ...readDiskConfig(settings) });
}

function partsOf(context: Context, disk: DiskWatch) {
  const { sql, coord, clock, metrics, logger, settings, tracer, rpc, caches } = context;
  const config = readConfig(settings);
  const events = new RoomEvents({ logger, metrics });
  const ongoing = new OngoingRooms({ sql, clock, config, metrics });
  const source = new ReaderClient({ rpc, sql });
  const reads = new Reads({ sql, source, ongoing, caches, clock, config, metrics });
  return { sql, coord, clock, metrics, config, events, reads, ongoing, disk, tracer };
}

function keepOngoing(
  { logger, metrics, clock, eventlog: log }: Context,
  { ongoing: rooms, reads, config }: Parts,
): OngoingKeeper {
  const events = new OngoingEvents({ logger, metrics });
  const onTold = reads.roomTold.bind(reads);
  return new OngoingKeeper({ rooms, onTold, log, clock, config, events, metrics });
}

function openSwitches({ coord, clock }: Context): Promise<Switches<typeof settings.switchTable>> {
  const { switchesKey: key, switchTable: table, switchSettings } = settings;
  return Switches.open({ coord, clock, key, table, parse: (value) => switchSettings.parse(value) });
}

function routedParts(parts: Parts & { readonly areas: Areas; readonly playCounts: PlayCounts }) {
  const viewerCounts = new ViewerCounts(parts);
  return {
    hosts: new Hosts(parts),
    rooms: new Rooms(parts),
    admission: new Admission(parts),
    heartBeats: new HeartBeats(parts),
    liveList: new LiveList({ ...parts, viewerCounts }),
    recordings: new Recordings(parts),
    ongoing: parts.ongoing,
    playCounts: parts.playCounts,
    holdMs: parts.config.holdMs,
    tracer: parts.tracer,
  };
}
