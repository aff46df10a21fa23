import { expect, test } from 'vitest';
import { acknowledgementMessage } from './control.ts';

test('the count of received bytes wraps at 2^32', () => {
  const counts = [0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5, 5 * 2 ** 32 + 7];
  const sent = counts.map((count) => acknowledgementMessage(count).payload.readUInt32BE(0));
  expect(sent).toEqual([0, 2 ** 31, 2 ** 32 - 1, 0, 5, 7]);
});
