import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decidePlan, type PlanMoment, type PlanPolicies } from './planning.ts';
import { checkSchedule, nextAfter, timesBetween, type Schedule } from './schedule.ts';

const cron = (pattern: string, timeZone = 'UTC'): Schedule => ({ kind: 'cron', pattern, timeZone });
const at = (text: string): number => Date.parse(text);
const iso = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

test('cron times by the clock of a zone: skipped in spring, once in autumn', () => {
  const berlin = cron('30 2 * * *', 'Europe/Berlin');
  expect(iso(nextAfter(berlin, at('2026-01-10T00:00:00Z')))).toBe('2026-01-10T01:30:00.000Z');
  expect(iso(nextAfter(berlin, at('2026-07-10T00:00:00Z')))).toBe('2026-07-10T00:30:00.000Z');
  const autumn = timesBetween(berlin, at('2026-10-24T00:30:00Z'), at('2026-10-26T12:00:00Z'));
  expect(autumn.map(iso)).toHaveLength(3);
  const spring = timesBetween(berlin, at('2026-03-28T01:30:00Z'), at('2026-03-30T12:00:00Z'));
  expect(spring.length).toBeGreaterThanOrEqual(2);
  expect(iso(nextAfter(cron('*/10 * * * * *'), at('2026-01-01T00:00:00Z')))).toBe('2026-01-01T00:00:10.000Z');
  expect(iso(nextAfter(cron('0 9 * * 1-5', 'Asia/Shanghai'), at('2026-11-20T01:00:00Z')))).toBe(
    '2026-11-23T01:00:00.000Z',
  );
});

test('intervals are multiples since 1970, and a single time comes once', () => {
  const minute: Schedule = { kind: 'interval', everyMs: 60_000 };
  expect(nextAfter(minute, 60_000)).toBe(120_000);
  expect(timesBetween(minute, 120_000, 300_001)).toEqual([120_000, 180_000, 240_000, 300_000]);
  expect(timesBetween({ kind: 'interval', everyMs: 1000 }, 0, 1e12)).toHaveLength(10_000);
  const once: Schedule = { kind: 'once', atMs: 5000 };
  expect([nextAfter(once, 4999), nextAfter(once, 5000)]).toEqual([5000, undefined]);
});

test('what cannot be read is refused', () => {
  const wrong = [
    cron('61 * * * *'),
    cron('nonsense'),
    cron('0 0 * * *', 'Mars/Olympus'),
    { kind: 'interval', everyMs: 10 } as const,
  ];
  for (const schedule of wrong) {
    expect(() => checkSchedule(schedule)).toThrow(expect.objectContaining({ code: 'SCHEDULE_INVALID' }));
  }
  for (const schedule of [cron('@daily'), cron('0 0 1 1 *', 'America/New_York')]) checkSchedule(schedule);
});

const policies: PlanPolicies = { onOverlap: 'skip', concurrencyMax: 1, onMisfire: 'once', misfireMs: 10_000 };
const everySecond: Schedule = { kind: 'interval', everyMs: 1000 };
const moment = (over: Partial<PlanMoment>, policy: Partial<PlanPolicies> = {}): PlanMoment => ({
  schedule: { kind: 'interval', everyMs: 60_000 },
  policies: { ...policies, ...policy },
  nowMs: 600_000,
  open: 0,
  nextMs: 600_000,
  queuedMs: undefined,
  ...over,
});

test('what is due begins, what is not does not', () => {
  expect(decidePlan(moment({}))).toEqual({
    starts: [600_000],
    nextMs: 660_000,
    queuedMs: undefined,
    skipped: 0,
    missed: 0,
  });
  expect(decidePlan(moment({ nextMs: 660_000 }))).toMatchObject({ starts: [], nextMs: 660_000 });
  expect(decidePlan(moment({ nextMs: undefined }))).toMatchObject({ starts: [], nextMs: undefined });
  const once: Schedule = { kind: 'once', atMs: 600_000 };
  expect(decidePlan(moment({ schedule: once }))).toMatchObject({ starts: [600_000], nextMs: undefined });
});

test('overlap: skipped, queued once, or so many at once', () => {
  expect(decidePlan(moment({ open: 1 }))).toMatchObject({ starts: [], skipped: 1, nextMs: 660_000 });
  const queue = { onOverlap: 'queue' } as const;
  expect(decidePlan(moment({ open: 1 }, queue))).toMatchObject({ starts: [], queuedMs: 600_000, skipped: 0 });
  expect(decidePlan(moment({ open: 1, queuedMs: 540_000 }, queue))).toMatchObject({
    queuedMs: 540_000,
    skipped: 1,
  });
  expect(decidePlan(moment({ nextMs: 660_000, queuedMs: 540_000 }, queue))).toMatchObject({
    starts: [540_000],
    queuedMs: undefined,
  });
  const both = { onOverlap: 'concurrent', concurrencyMax: 2 } as const;
  expect(decidePlan(moment({ open: 1 }, both)).starts).toEqual([600_000]);
  expect(decidePlan(moment({ open: 2 }, both))).toMatchObject({ starts: [], skipped: 1 });
});

test('misfires: ignored, made up for by one, or caught up one after the other within the bound', () => {
  const late = { nextMs: 60_000, nowMs: 615_000 };
  expect(decidePlan(moment(late, { onMisfire: 'ignore' }))).toMatchObject({
    starts: [],
    missed: 10,
    nextMs: 660_000,
  });
  expect(decidePlan(moment(late))).toMatchObject({ starts: [600_000], missed: 9, nextMs: 660_000 });
  const catchUp = { onMisfire: { catchUp: 3 } };
  const first = decidePlan(moment(late, catchUp));
  expect(first).toMatchObject({ starts: [480_000], missed: 7, nextMs: 540_000 });
  const second = decidePlan(moment({ ...late, nextMs: first.nextMs, open: 1 }, catchUp));
  expect(second).toMatchObject({ starts: [], skipped: 0, nextMs: 540_000 });
});

test('however long it was away: nothing is begun twice, all is begun, skipped, missed or queued', () => {
  const moments = fc.array(
    fc.record({ stepMs: fc.integer({ min: 0, max: 40_000 }), open: fc.integer({ min: 0, max: 3 }) }),
    {
      maxLength: 40,
    },
  );
  const policy = fc.record({
    onOverlap: fc.constantFrom('skip' as const, 'queue' as const, 'concurrent' as const),
    concurrencyMax: fc.integer({ min: 1, max: 3 }),
    onMisfire: fc.oneof(
      fc.constantFrom('ignore' as const, 'once' as const),
      fc.record({ catchUp: fc.integer({ min: 1, max: 20 }) }),
    ),
    misfireMs: fc.constant(5000),
  });
  fc.assert(
    fc.property(moments, policy, (steps, chosen) => {
      let state: { nextMs: number | undefined; queuedMs: number | undefined } = {
        nextMs: 1000,
        queuedMs: undefined,
      };
      let nowMs = 0;
      let [skipped, missed] = [0, 0];
      const started: number[] = [];
      for (const { stepMs, open } of steps) {
        nowMs += stepMs;
        const decision = decidePlan({ schedule: everySecond, policies: chosen, nowMs, open, ...state });
        started.push(...decision.starts);
        skipped += decision.skipped;
        missed += decision.missed;
        state = decision;
      }
      expect(new Set(started).size).toBe(started.length);
      const passed = (state.nextMs! - 1000) / 1000;
      expect(started.length + skipped + missed + (state.queuedMs === undefined ? 0 : 1)).toBe(passed);
    }),
    { numRuns: 300 },
  );
});
