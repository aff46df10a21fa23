import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { openFolderBlobs } from '@gala/lib/blob';
import { watchDisk } from '@gala/lib/disk';
import type { Context } from '@gala/lib/lifecycle';
import { RoomService } from '@gala/protocol/room';
import type { Hooks } from '../hooks/hooks.ts';
import type { Streams } from '../streams.ts';
import { readRecord } from './config.ts';
import { RecordEvents } from './events.ts';
import { Recorders } from './recorders.ts';
import { keyOf } from './recording.ts';

/** Files open at once: as many streams as one process records. */
const openedMax = 1024;

export interface OpenRecordings extends AsyncDisposable {
  readonly recorders: Recorders;
  readonly events: RecordEvents;
  /** Where the folders of all processes lie. */
  readonly folder: string;
}

/** Opens the folder of this process and records from here on what is to be recorded. */
export async function openRecordings(
  context: Context,
  streams: Streams,
  hooks: Hooks,
): Promise<OpenRecordings> {
  const { clock, dataFolder, logger, metrics, processName, rpc, settings } = context;
  const config = readRecord(settings);
  const folder = config.folder === '' ? path.join(dataFolder, 'recordings') : path.resolve(config.folder);
  const own = config.machine === '' ? processName : `${config.machine}-${processName}`;
  const ownFolder = path.join(folder, own);
  await mkdir(ownFolder, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const store = stack.use(
    await openFolderBlobs({
      folder: ownFolder,
      bytesMax: config.bytesMax,
      openedMax,
      metrics,
      name: 'recordings',
    }),
  );
  const disk = stack.use(
    await watchDisk({
      folder: ownFolder,
      usedPercentMax: config.diskUsedPercentMax,
      spareBytes: config.diskSpareBytes,
      logger,
      metrics,
      name: 'recordings_disk',
      consequence: 'recordings stop',
    }),
  );
  const events = new RecordEvents(logger, metrics);
  const rooms = rpc.client(RoomService);
  const recorders = stack.use(
    new Recorders({ store, folder: own, disk, rooms, streams, clock, config, events, logger }),
  );
  recorders.observe(({ roomId, ...report }) => {
    const isOver = report.state === 'done' || report.state === 'failed';
    const file = keyOf({ roomId, ...report }, report.format);
    if (isOver) hooks.tell('onRecord', roomId, { ...report, folder: own, file });
  });
  await recorders.open();
  metrics.gauge('gala_recording_streams', 'streams being recorded', () => recorders.size);
  metrics.gauge(
    'gala_recording_parts',
    'finished parts in the folder of this process',
    () => recorders.partCount,
  );
  metrics.gauge(
    'gala_recording_reports_waiting',
    'reports that wait for the room service',
    () => recorders.waitingReports,
  );
  const owned = stack.move();
  return { recorders, events, folder, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
