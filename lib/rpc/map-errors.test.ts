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
