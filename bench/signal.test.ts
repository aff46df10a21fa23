import { expect, test } from 'vitest';
import type { ViewerReport } from './load.ts';
import type { TreeSample } from './measure.ts';
import { allRows, figuresOf, pickRows, type RoomResult } from './signal-rows.ts';
import { deliveredShare, resultTable, verdicts } from './signal-table.ts';

const report: ViewerReport = {
  viewers: 1000,
  joined: 1000,
  failed: 0,
  closed: 0,
  seconds: 2,
  frames: 400_000,
  lost: 0,
  duplicated: 0,
  unstamped: 0,
  latencyMsP50: 50,
  latencyMsP99: 100,
  latencyMsMax: 120,
  audioMsP99: 0,
  joinMsP50: 1,
  joinMsP99: 2,
  joinMsMax: 3,
  bytesPerViewerPerSecond: 20_000,
  hashReceivers: 0,
  hashChecked: 0,
  hashDifferent: 0,
  cpuPercent: 20,
};
const sample = (atMs: number, cpuTicks: number, rssBytes: number): TreeSample => ({
  atMs,
  cpuTicks,
  rssBytes,
  pssBytes: rssBytes,
  processes: 1,
});
const base = { senders: 1, messageBytes: 100, joinsPerSecond: 500, warmUpSeconds: 1, seconds: 2 };

test('deliveries are those of the window, by the CPU that they took; memory is what the viewers added', () => {
  // 0.4 s of CPU in 2 s is a fifth of a core.
  const from = sample(0, 100, 50e6);
  const to = sample(2000, 140, 53e6);
  const figures = figuresOf({ report, before: sample(0, 0, 48e6), from, to });
  expect(figures.cpuPercent).toBe(20);
  expect(figures.deliveriesPerSecond).toBe(200_000);
  expect(figures.deliveriesPerCore).toBe(1_000_000);
  expect(figures.rssBytesPerViewer).toBe(5000);
});

test('a server that did nothing measurable has no figure by core', () => {
  const still = sample(0, 100, 1e6);
  const figures = figuresOf({ report, before: still, from: still, to: { ...still, atMs: 2000 } });
  expect(figures.deliveriesPerCore).toBe(0);
});

test('the share delivered counts what was offered to all viewers in the window', () => {
  expect(deliveredShare({ report }, 200)).toBe(1);
  expect(deliveredShare({ report }, 400)).toBe(0.5);
  expect(deliveredShare({ report: { ...report, frames: 0 } }, 0)).toBe(1);
});

function rowsWith(changes: Readonly<Record<string, Partial<RoomResult>>>) {
  const rows = pickRows(allRows(base, 1), Object.keys(changes));
  for (const row of rows) {
    const result = { report, offered: undefined, cpuPercent: 20, deliveriesPerSecond: 200_000, processes: 1 };
    row.results.push({
      ...result,
      deliveriesPerCore: 1_000_000,
      rssBytesPerViewer: 4000,
      ...changes[row.id],
    });
  }
  return rows;
}

test('a promise is judged by its rows, and one that was not measured is not broken', () => {
  const rows = rowsWith({
    'gala-100ms-10k': { deliveriesPerCore: 2_500_000 },
    'socket-io-10k': { deliveriesPerCore: 300_000 },
    'gala-idle': { rssBytesPerViewer: 6 * 1024 },
  });
  const texts = verdicts(rows).map(({ text }) => text);
  expect(texts).toContain('kept: fan-out (gala-100ms-10k): 2,500,000 deliveries/s/core (>= 2,000,000)');
  expect(texts).toContain('BROKEN: idle connections (gala-idle): 6.00 KB each (<= 5)');
  expect(texts).toContain('BROKEN: gala-100ms-10k over socket-io-10k: 8.3x the deliveries/s/core (>= 10x)');
  expect(texts).toContain('not measured: gala-100ms-1k over nchan-1k');
});

test('what is lost breaks a row of ours, and flags say what a reader has to know', () => {
  const rows = rowsWith({
    'gala-100ms-1k': { report: { ...report, lost: 3, cpuPercent: 90, frames: 1 } },
    'ws-1k': { report: { ...report, lost: 3 } },
  });
  expect(verdicts(rows).filter(({ broken }) => broken)).toHaveLength(1);
  expect(resultTable(rows)).toContain('client at its limit, messages missing');
});
