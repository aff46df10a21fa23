import { expect, test } from 'vitest';
import { mapErrors } from './map-errors.ts';

test('answers pass through, errors are translated', async () => {
  const handlers = {
    double: async ({ value }: { value: number }) => value * 2,
    fail: async () => Promise.reject(new Error('engine')),
  };
  const mapped = mapErrors(handlers, (error) => new Error(`protocol: ${(error as Error).message}`));
  expect(await mapped.double({ value: 2 })).toBe(4);
  await expect(mapped.fail()).rejects.toThrow('protocol: engine');
});

test('a stream passes through too, and its error is translated', async () => {
  const handlers = {
    count: async function* () {
      yield 1;
      yield 2;
      throw new Error('engine');
    },
  };
  const mapped = mapErrors(handlers, (error) => new Error(`protocol: ${(error as Error).message}`));
  const seen: number[] = [];
  const read = async (): Promise<void> => {
    for await (const value of mapped.count()) seen.push(value);
  };
  await expect(read()).rejects.toThrow('protocol: engine');
  expect(seen).toEqual([1, 2]);
});
