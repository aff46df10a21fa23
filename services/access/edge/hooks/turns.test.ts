import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('so many run, so many wait in order, more are turned away', async () => {
  const turns = new Turns({ runningMax: 2, waitingMax: 2 });
  const { signal } = new AbortController();
  const begun: number[] = [];
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const runs = gates.map((gate, index) =>
    turns.run(async () => {
      begun.push(index);
      await gate.promise;
    }, signal),
  );
  await expect(turns.run(async () => undefined, signal)).rejects.toMatchObject({ code: 'HOOK_FAILED' });
  expect([begun, turns.running, turns.waiting]).toEqual([[0, 1], 2, 2]);
  gates[1].resolve();
  await runs[1];
  expect(begun).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  await Promise.all(runs);
  expect([begun, turns.running, turns.waiting]).toEqual([[0, 1, 2, 3], 0, 0]);
});

test('who leaves while it waits takes no turn', async () => {
  const turns = new Turns({ runningMax: 1, waitingMax: 2 });
  const gate = Promise.withResolvers<void>();
  const running = turns.run(() => gate.promise, new AbortController().signal);
  const leaving = new AbortController();
  const left = turns.run(async () => undefined, leaving.signal);
  const staying = turns.run(async () => 'ran', new AbortController().signal);
  leaving.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  gate.resolve();
  await running;
  expect(await staying).toBe('ran');
  expect([turns.running, turns.waiting]).toEqual([0, 0]);
});
