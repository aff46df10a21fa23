import { afterEach, expect, test, vi } from 'vitest';
import { BENCH_ENGINES, findEngine, installLine, TEST_ENGINES } from './engines.ts';

afterEach(() => vi.unstubAllEnvs());

test('an engine may be named by the environment, and is missing when that cannot be run', () => {
  vi.stubEnv('ENGINE_FFMPEG', process.execPath);
  expect(findEngine('ffmpeg')).toBe(process.execPath);
  vi.stubEnv('ENGINE_FFMPEG', '/nowhere/ffmpeg');
  expect(findEngine('ffmpeg')).toBeUndefined();
});

test('one line installs all of them by hand', () => {
  expect(installLine(TEST_ENGINES)).toMatch(/^(sudo apt-get|brew) install .*ffmpeg/);
  expect(installLine(BENCH_ENGINES)).toMatch(/ (gcc libc6-dev libssl-dev zlib1g-dev|cc)$/);
});
