import { section, type Settings } from '@gala/lib/config';
import { z } from 'zod';

const ms = (defaultMs: number, maxMs: number) => z.number().int().min(1).max(maxMs).default(defaultMs);

/** The part `room` of the static settings. */
export const roomSection = section(
  'room',
  z.object({
    holdMs: ms(30_000, 3_600_000).describe('how long a room waits for its publisher to come back'),
    beginsPerHourMax: z.number().int().min(1).max(10_000).default(60).describe('rooms a host may begin'),
    scheduleDaysMax: z
      .number()
      .int()
      .min(1)
      .max(365)
      .default(30)
      .describe('life of a room never begun, and how far ahead a room may be scheduled'),
    playFlushMs: ms(5000, 60_000).describe('pause between two writings of play counts'),
    programmeWarmMs: ms(300_000, 86_400_000).describe(
      'how long before a programme its hosts and rooms are read into the caches',
    ),
    scheduleLateMs: ms(21_600_000, 604_800_000).describe(
      'a room that has not begun this long after its time ends',
    ),
    silentMsMax: ms(10_000, 600_000).describe('a live room that its edge does not name is held after this'),
    settleMs: ms(3000, 60_000).describe('heart-beats change nothing in a room that changed less ago'),
    edgeAbsentMs: ms(2000, 60_000).describe('an edge out of the member list this long is lost'),
    sweepMs: ms(500, 60_000).describe('pause between two sweeps'),
    liveListTtlMs: ms(500, 60_000).describe('age of a live list'),
    readTtlMs: ms(500, 60_000).describe('age of a room or host that is read'),
    staleMsMax: ms(30_000, 600_000).describe('age of answers while a database is down'),
    ongoingRefreshMs: ms(60_000, 3_600_000).describe('pause between two full refreshes of the rooms on air'),
    ongoingUnfedRefreshMs: ms(2000, 60_000).describe('the same while the change feed is down'),
    ongoingRoomsMax: z.number().int().min(1000).max(4_000_000).default(1_000_000).describe('rooms on air'),
    readerStatementsMax: z
      .number()
      .int()
      .min(1)
      .max(64)
      .default(2)
      .describe('reads of rows at once in a database'),
    readerKeysMax: z.number().int().min(512).max(1_000_000).default(20_000).describe('rows that wait for it'),
    readerAbsentMs: ms(250, 10_000).describe('how long it is remembered that a row is not there'),
    archiveSettleMs: ms(1000, 60_000).describe('age of an ended room before it goes to the archive'),
    archiveEveryMs: ms(500, 60_000).describe('pause between two looks for ended rooms'),
    weeksEveryMs: ms(60_000, 3_600_000).describe('pause between two looks for weeks to drop'),
    archiveBatchMax: z.number().int().min(1).max(5000).default(500).describe('rooms archived at once'),
    hotDays: z
      .number()
      .int()
      .min(1)
      .max(3650)
      .default(28)
      .describe('how long an archived room also stays in the online shards; whole weeks'),
    cacheEntriesMax: z.number().int().min(16).max(1_000_000).default(10_000),
  }),
);

const gibibyte = 2 ** 30;

/** The part `disk`: when the file system of the data folder takes no new broadcasts. */
export const diskSection = section(
  'disk',
  z.object({
    usedPercentMax: z.number().min(0).max(100).default(95).describe('above this new broadcasts are refused'),
    spareBytes: z
      .number()
      .int()
      .min(0)
      .default(10 * gibibyte)
      .describe('unless more than this is free: 5 % of a large disk is plenty'),
  }),
);

export type RoomConfig = ReturnType<typeof readConfig>;

export function readConfig(settings: Settings) {
  return settings.get(roomSection);
}

export function readDiskConfig(settings: Settings) {
  return settings.get(diskSection);
}
