import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { exceeds, watchDisk } from './index.ts';

async function watch(usedPercentMax: number, spareBytes: number) {
  const lines: string[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } });
  const metrics = createMetrics('test');
  const disk = await watchDisk({ folder: tmpdir(), usedPercentMax, spareBytes, logger, metrics });
  return { disk, lines, text: await metrics.text() };
}

test('a file system over its bounds is full from the first look on, says so once and shows it', async () => {
  const { disk, lines, text } = await watch(0, Number.MAX_SAFE_INTEGER);
  await using _ = disk;
  expect(disk.isFull).toBe(true);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('the disk is nearly full');
  expect(text).toMatch(/^gala_disk_full\{process="test"\} 1$/m);
  const used = Number(/^gala_disk_used_ratio\{process="test"\} (\S+)$/m.exec(text)?.[1]);
  expect(used).toBeGreaterThan(0);
  expect(used).toBeLessThanOrEqual(1);
  expect(text).toMatch(/^gala_disk_free_bytes\{process="test"\} [1-9]/m);
});

test('one within either bound is not', async () => {
  for (const [percent, spare] of [
    [100, Number.MAX_SAFE_INTEGER],
    [0, 0],
  ]) {
    const { disk, lines } = await watch(percent, spare);
    await using _ = disk;
    expect([disk.isFull, lines]).toEqual([false, []]);
  }
});

test('it has room again only below the margin', () => {
  const disk = { usedPercentMax: 95, spareBytes: 100, freeBytes: 50 };
  expect([95, 95.1].map((usedPercent) => exceeds({ ...disk, usedPercent }, 0))).toEqual([false, true]);
  expect([94, 94.1].map((usedPercent) => exceeds({ ...disk, usedPercent }, 1))).toEqual([false, true]);
  expect(exceeds({ ...disk, usedPercent: 99, freeBytes: 101 }, 1)).toBe(false);
});
