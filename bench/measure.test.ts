import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { describe, expect, it } from 'vitest';

import { cpuPercent, formatSpread, processTree, sampleTree, spreadOf, table } from './measure.ts';

describe('spreadOf', () => {
  it('takes the middle run and the range, in any order', () => {
    expect(spreadOf([30, 10, 20])).toEqual({ median: 20, min: 10, max: 30 });
  });

  it('takes the mean of the middle two of an even count', () => {
    expect(spreadOf([4, 1, 3, 2]).median).toBe(2.5);
  });

  it('refuses to speak of no runs', () => {
    expect(() => spreadOf([])).toThrow('at least one');
  });
});

describe('formatSpread', () => {
  it('shows the range only when the runs differ after rounding', () => {
    expect(formatSpread({ median: 12.34, min: 12.31, max: 12.33 }, 1)).toBe('12.3');
    expect(formatSpread({ median: 1234.5, min: 1200, max: 1300 }, 0)).toBe('1,235 (1,200–1,300)');
  });
});

describe('table', () => {
  it('pads the columns to their widest cell', () => {
    expect(table(['a', 'long'], [['wide', '1']])).toBe(
      ['| a    | long |', '|------|------|', '| wide | 1    |'].join('\n'),
    );
  });
});

/** Goal: work done by descendants counts, also of those that end inside the window, as roles and backends do. */
describe.runIf(process.platform === 'linux')('sampleTree', () => {
  it('counts the CPU of a grandchild that ended before the second sample', async () => {
    const burn = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done';
    const root = spawn('sh', ['-c', `read go; sh -c '${burn}; true'; echo done; read stop; true`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const pid = root.pid ?? 0;
    const before = sampleTree(pid);
    root.stdin.write('go\n');
    await once(root.stdout, 'data');
    const after = sampleTree(pid);
    expect(after.processes).toBe(1);
    expect(after.cpuTicks - before.cpuTicks).toBeGreaterThan(5);
    expect(cpuPercent(before, after)).toBeGreaterThan(0);
    // How busy the core was is the machine's affair; what the percentage is of is not.
    expect(cpuPercent({ ...before, atMs: 0, cpuTicks: 0 }, { ...after, atMs: 500, cpuTicks: 25 })).toBe(50);
    root.stdin.end('stop\n');
    await once(root, 'close');
    expect(processTree(pid)).toEqual([]);
  });

  it('sees a child as part of the tree, with its memory', async () => {
    const root = spawn('sh', ['-c', 'sleep 60 & echo started; wait'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(root.stdout, 'data');
    const sample = sampleTree(root.pid ?? 0);
    expect(sample.processes).toBe(2);
    expect(sample.rssBytes).toBeGreaterThanOrEqual(sample.pssBytes);
    expect(sample.pssBytes).toBeGreaterThan(0);
    for (const pid of processTree(root.pid ?? 0).toReversed()) process.kill(pid, 'SIGTERM');
    await once(root, 'close');
  });
});
