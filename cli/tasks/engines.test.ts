import { afterEach, expect, test, vi } from 'vitest';
import { ENGINE_NAMES, findEngine, installLine } from './engines.ts';

afterEach(() => vi.unstubAllEnvs());

test('an engine may be named by the environment, and is missing when that cannot be run', () => {
  vi.stubEnv('ENGINE_FFMPEG', process.execPath);
  expect(findEngine('ffmpeg')).toBe(process.execPath);
  vi.stubEnv('ENGINE_FFMPEG', '/nowhere/ffmpeg');
  expect(findEngine('ffmpeg')).toBeUndefined();
});

test('one line installs all of them by hand', () => {
  expect(ENGINE_NAMES.length).toBeGreaterThan(0);
  expect(installLine(ENGINE_NAMES)).toMatch(/^(sudo apt-get|brew) install .*ffmpeg/);
});
