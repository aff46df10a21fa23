import { Cron } from 'croner';
import { CodedError } from '../error/index.ts';
import { jobErrors } from './errors.ts';

/** When something is to be done; all times in ms since 1970. */
export type Schedule =
  /** Five fields (minute to weekday) or six (second first), by the clock of a time zone (IANA name). */
  | { readonly kind: 'cron'; readonly pattern: string; readonly timeZone: string }
  /** At the multiples of the interval since 1970. */
  | { readonly kind: 'interval'; readonly everyMs: number }
  | { readonly kind: 'once'; readonly atMs: number };

export const intervalMsMin = 1000;
/** Occurrences that are looked at when many were missed; those beyond are counted as one. */
const dueMax = 10_000;

/** The first time after `afterMs`; undefined when there is none any more. */
export function nextAfter(schedule: Schedule, afterMs: number): number | undefined {
  if (schedule.kind === 'once') return schedule.atMs > afterMs ? schedule.atMs : undefined;
  if (schedule.kind === 'interval') return (Math.floor(afterMs / schedule.everyMs) + 1) * schedule.everyMs;
  return cronOf(schedule).nextRun(new Date(afterMs))?.getTime();
}

/** The times from `firstMs`, which is one, up to `untilMs`, in their order: at most the newest 10,000. */
export function timesBetween(schedule: Schedule, firstMs: number, untilMs: number): number[] {
  if (schedule.kind === 'interval') return multiplesBetween(schedule.everyMs, firstMs, untilMs);
  const times: number[] = [];
  let timeMs: number | undefined = firstMs;
  while (timeMs !== undefined && timeMs <= untilMs && times.length < dueMax) {
    times.push(timeMs);
    timeMs = nextAfter(schedule, timeMs);
  }
  return times;
}

/** Errors: SCHEDULE_INVALID for what cannot be read. */
export function checkSchedule(schedule: Schedule): void {
  if (schedule.kind === 'cron') return void cronOf(schedule);
  const isFine =
    schedule.kind === 'once' ? Number.isSafeInteger(schedule.atMs) : schedule.everyMs >= intervalMsMin;
  if (!isFine)
    throw new CodedError(jobErrors, 'SCHEDULE_INVALID', { detail: `an interval is 1 s or longer` });
}

function multiplesBetween(everyMs: number, firstMs: number, untilMs: number): number[] {
  const count = Math.floor((untilMs - firstMs) / everyMs) + 1;
  if (count <= 0) return [];
  const skipped = Math.max(0, count - dueMax);
  return Array.from({ length: count - skipped }, (_, at) => firstMs + (skipped + at) * everyMs);
}

function cronOf({ pattern, timeZone }: { pattern: string; timeZone: string }): Cron {
  try {
    const cron = new Cron(pattern, { timezone: timeZone, paused: true });
    // The time zone is first looked at when a time is asked for.
    cron.nextRun();
    return cron;
  } catch (cause) {
    throw new CodedError(jobErrors, 'SCHEDULE_INVALID', { cause, detail: (cause as Error).message });
  }
}
