import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ffmpegLine } from './ffmpeg-line.ts';

const wordsOf = (line: string): string[] =>
  execFileSync('sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' })
    .trimEnd()
    .split('\n');

test('a shell reads the line as meant: the address last, the key frames every two seconds', () => {
  const words = wordsOf(ffmpegLine('rtmp://live.test/live/', '4096.key'));
  expect(words.at(0)).toBe('ffmpeg');
  expect(words.at(-1)).toBe('rtmp://live.test/live/4096.key');
  expect(words).toContain('expr:gte(t,n_forced*2)');
});

test('nothing in an address gets out of its quotes', () => {
  expect(wordsOf(ffmpegLine('rtmp://live.test/live', "a'; echo $(id) `id`")).at(-1)).toBe(
    "rtmp://live.test/live/a'; echo $(id) `id`",
  );
});
