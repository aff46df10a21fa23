import { expect, test } from 'vitest';
import { createLogger } from './index.ts';

function linesOf(run: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  run(createLogger({ name: 'test', destination: { write: (line: string) => void lines.push(line) } }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a secret field never reaches the line, at the top or one level down', () => {
  const [line] = linesOf((logger) => logger.info({ streamKey: '1.abc', body: { password: 'p' } }, 'event'));
  expect(JSON.stringify(line)).not.toMatch(/1\.abc|"p"/);
  expect(line).toMatchObject({ name: 'test', msg: 'event', streamKey: '[secret]' });
});

test('an error keeps its code, message and cause', () => {
  const error = new Error('outer', { cause: new Error('inner') });
  const [line] = linesOf((logger) => logger.error({ error }, 'failed'));
  expect(JSON.stringify(line.error)).toMatch(/outer.*inner/);
});
