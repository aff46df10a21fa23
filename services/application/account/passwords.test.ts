import { expect, test } from 'vitest';
import { Passwords } from './passwords.ts';

const limits = { hashesAtOnceMax: 2, hashesWaitingMax: 4 };

test('a hash is argon2id, salted, and matches its password only', async () => {
  const passwords = new Passwords(limits);
  const [one, two] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(two).not.toBe(one);
  expect(await passwords.matches(one, 'correct horse')).toBe(true);
  expect(await passwords.matches(one, 'correct horsf')).toBe(false);
  expect(await passwords.matches(undefined, 'correct horse')).toBe(false);
});

test('a password has 10 to 256 characters', async () => {
  const passwords = new Passwords(limits);
  for (const weak of ['', 'x'.repeat(9), 'x'.repeat(257)]) {
    await expect(passwords.hash(weak)).rejects.toMatchObject({ code: 'PASSWORD_WEAK' });
  }
  const longest = await passwords.hash('x'.repeat(256));
  expect(await passwords.matches(longest, 'x'.repeat(257))).toBe(false);
});

test('what does not fit into the queue is refused, and the rest is served', async () => {
  const passwords = new Passwords(limits);
  const asked = Array.from({ length: 20 }, () => passwords.hash('correct horse'));
  const settled = await Promise.allSettled(asked);
  const served = settled.filter((one) => one.status === 'fulfilled').length;
  const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  // One of the two turns is taken by the hash that stands in for unknown names.
  expect(served).toBe(5);
  expect(passwords.refusals).toBe(15);
  for (const error of refused) expect(error).toMatchObject({ code: 'RATE_LIMITED' });
  expect(await passwords.hash('correct horse')).toBeTruthy();
});

test('an unknown name takes as long as a wrong password', async () => {
  const passwords = new Passwords(limits);
  const stored = await passwords.hash('correct horse');
  const timed = async (hash: string | undefined): Promise<number> => {
    const startedAt = performance.now();
    await passwords.matches(hash, 'wrong password');
    return performance.now() - startedAt;
  };
  // In turns, so that both meet the same machine; the quickest of each was disturbed least.
  let [unknownMs, knownMs] = [Infinity, Infinity];
  for (let turn = 0; turn < 12; turn++) {
    unknownMs = Math.min(unknownMs, await timed(undefined));
    knownMs = Math.min(knownMs, await timed(stored));
  }
  const ratio = unknownMs / knownMs;
  expect(ratio).toBeGreaterThan(0.4);
  expect(ratio).toBeLessThan(2.5);
});
