import { setTimeout as delay } from 'node:timers/promises';
import type { CutPath } from './cut-path.ts';
import type { LevelProcess } from './level-crew.ts';
import type { OwnerAnswers, Seen, Written } from './level-owner.ts';

/** What readers saw before, while and after their messages were cut. */
export interface Measured {
  readonly reader: string;
  readonly phase: 'before' | 'cut' | 'after';
  readonly reads: number;
  /** Answers of a version whose successor had been told more than `graceMs` before the read began. */
  readonly stale: number;
  /** How long before the read the successor had been told, at most. */
  readonly staleMsMax: number;
}

export interface StaleOptions {
  /** Two that write, two that read; the second of each hears and tells through the path. */
  readonly crew: readonly LevelProcess[];
  readonly path: CutPath;
  readonly keys: number;
  readonly beforeMs: number;
  readonly cutMs: number;
  readonly afterMs: number;
  /** Of each reader in a millisecond or so; 40 unless told. */
  readonly readsPerTurn?: number;
  /** Stops the second reader while it is cut off (SIGSTOP). */
  readonly isPaused?: boolean;
}

/** A message takes a while to arrive, and a busy machine to handle it: a read that begins sooner is not counted. */
export const graceMs = 300;

const now = (): number => performance.timeOrigin + performance.now();

/** Goal: no stale answer but while the messages are cut. Method: each read is compared with what had been told. */
export async function countStale(options: StaleOptions): Promise<readonly Measured[]> {
  const { crew, path, cutMs, beforeMs, afterMs, readsPerTurn = 40, isPaused = false } = options;
  const keys = Array.from({ length: options.keys }, (_, index) => `k${index}`);
  const [writer, cutWriter, reader, cutReader] = crew;
  const half = keys.length / 2;
  const written = [
    writer.run({ task: 'write', keys: keys.slice(0, half), everyMs: 10 }),
    cutWriter.run({ task: 'write', keys: keys.slice(half), everyMs: 10 }),
  ];
  const watched = [reader, cutReader].map((each) => each.run({ task: 'watch', keys, readsPerTurn }));
  await delay(beforeMs);
  const cutAtMs = now();
  path.cut();
  if (isPaused) cutReader.pause();
  await delay(cutMs);
  cutReader.resume();
  path.mend();
  const mendedMs = now();
  await delay(afterMs + 1500);
  for (const process of crew) await process.run({ task: 'stop' });
  const writes = await Promise.all(written);
  const told = toldOf(writes.flatMap((each) => each.written));
  // What a writer could not tell is told when it is back, and then has to arrive.
  const writersBackMs = Math.max(mendedMs, ...writes.map(({ heardAgainMs }) => heardAgainMs)) + graceMs;
  const [plain, cut] = await Promise.all(watched);
  return [
    ...phasesOf('with the bus', plain, { told, cutAtMs, writersBackMs }),
    ...phasesOf('cut off', cut, { told, cutAtMs, writersBackMs }),
  ];
}

interface Times {
  readonly told: ReadonlyMap<string, readonly Written[]>;
  readonly cutAtMs: number;
  readonly writersBackMs: number;
}

function phasesOf(reader: string, { seen, heardAgainMs }: OwnerAnswers['watch'], times: Times): Measured[] {
  const overMs = Math.max(heardAgainMs, times.writersBackMs);
  const phaseOf = ({ beganMs }: Seen): Measured['phase'] => {
    if (beganMs < times.cutAtMs) return 'before';
    return beganMs >= overMs ? 'after' : 'cut';
  };
  return (['before', 'cut', 'after'] as const).map((phase) => {
    const ofPhase = seen.filter((each) => phaseOf(each) === phase);
    const ages = ofPhase.map((each) => ({ ms: outdatedMs(each, times.told), count: each.count }));
    const stale = ages.filter(({ ms }) => ms > graceMs);
    return {
      reader,
      phase,
      reads: sum(ofPhase),
      stale: sum(stale),
      staleMsMax: Math.max(0, ...ages.map(({ ms }) => ms)),
    };
  });
}

/** For how long the version that was read had been known not to be the newest when the read began. */
function outdatedMs({ key, version, beganMs }: Seen, told: Times['told']): number {
  const successor = told.get(key)?.find((written) => written.version > version);
  return successor ? Math.max(0, beganMs - successor.toldMs) : 0;
}

function toldOf(changes: readonly Written[]): Map<string, Written[]> {
  const told = new Map<string, Written[]>();
  for (const written of changes.toSorted((a, b) => a.toldMs - b.toldMs)) {
    const ofKey = told.get(written.key) ?? [];
    ofKey.push(written);
    told.set(written.key, ofKey);
  }
  return told;
}

function sum(counted: readonly { readonly count: number }[]): number {
  return counted.reduce((total, { count }) => total + count, 0);
}

export function staleTable(measured: readonly Measured[]): string {
  const promise = { before: '0', cut: '', after: '0' };
  const rows = measured.map(
    ({ reader, phase, reads, stale, staleMsMax }) =>
      `| ${reader.padEnd(12)} | ${phase.padEnd(6)} | ${reads} | ${stale} | ${staleMsMax.toFixed(0)} | ${promise[phase]} |`,
  );
  return ['| reader | phase | reads | stale | longest, ms | promise |', ...rows].join('\n');
}
