import { expect, test, vi } from 'vitest';
import { abortable, within } from './index.ts';

const never = new Promise<never>(() => undefined);

test('what comes in time is the answer, and its failure as well; nothing waits on', async () => {
  const clear = vi.spyOn(globalThis, 'clearTimeout');
  expect(await within(60_000, Promise.resolve('done'), () => 'late')).toBe('done');
  await expect(within(60_000, Promise.reject(new Error('failed')), () => 'late')).rejects.toThrow('failed');
  expect(clear).toHaveBeenCalledTimes(2);
  clear.mockRestore();
});

test('what is late is answered for, or is an error; a failure after that is nobody’s', async () => {
  expect(await within(1, never, () => 'late')).toBe('late');
  const fail = (): never => {
    throw new Error('too late');
  };
  await expect(within(1, never, fail)).rejects.toThrow('too late');
  const { promise, reject } = Promise.withResolvers<string>();
  expect(await within(1, promise, () => undefined)).toBeUndefined();
  reject(new Error('unheard'));
});

test('an abort ends the waiting with its reason, also one of before', async () => {
  const abort = new AbortController();
  const waiting = expect(abortable(never, abort.signal)).rejects.toThrow('enough');
  abort.abort(new Error('enough'));
  await waiting;
  await expect(abortable(never, abort.signal)).rejects.toThrow('enough');
  expect(await abortable(Promise.resolve(7), new AbortController().signal)).toBe(7);
});
