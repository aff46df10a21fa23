import { expect, test } from 'vitest';
import { ManualClock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';
import { rpcErrors } from '../rpc/index.ts';
import { SigningKeys } from './index.ts';

function start() {
  const clock = new ManualClock();
  const source = { kids: ['k1'], isReachable: true, asked: 0, failures: 0 };
  const fetch = async () => {
    source.asked++;
    if (!source.isReachable) throw new CodedError(rpcErrors, 'UNAVAILABLE');
    return source.kids.map((kid) => ({ kid, secret: Buffer.from(kid) }));
  };
  const keys = new SigningKeys({ fetch, clock, onFailed: () => void source.failures++ });
  const kids = async (kid: string) => (await keys.for(kid)).map((key) => key.kid);
  return { clock, source, keys, kids };
}

test('keys are asked for once, also by many at the same time, and anew after a minute', async () => {
  const { clock, source, keys, kids } = start();
  expect(keys.newest).toBeUndefined();
  expect(await Promise.all([kids('k1'), kids('k1'), kids('k1')])).toEqual([['k1'], ['k1'], ['k1']]);
  expect(source.asked).toBe(1);
  source.kids = ['k2', 'k1'];
  clock.advance(60_001);
  expect(await kids('k1')).toEqual(['k1']);
  await expect.poll(() => kids('k1')).toEqual(['k2', 'k1']);
  expect(source.asked).toBe(2);
  expect(keys.newest?.kid).toBe('k2');
});

test('an unknown key asks again, but at most once a second', async () => {
  const { clock, source, kids } = start();
  await kids('k1');
  source.kids = ['k2', 'k1'];
  for (let tries = 0; tries < 5; tries++) expect(await kids('k2')).toEqual(['k1']);
  expect(source.asked).toBe(1);
  clock.advance(1001);
  expect(await kids('k2')).toEqual(['k2', 'k1']);
});

test('known keys go on while the source is away; without any the answer is that it is', async () => {
  const { clock, source, kids } = start();
  source.isReachable = false;
  await expect(kids('k1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  source.isReachable = true;
  clock.advance(1001);
  await kids('k1');
  source.isReachable = false;
  clock.advance(3_600_000);
  expect(await kids('k1')).toEqual(['k1']);
  await expect.poll(() => source.failures).toBe(2);
});
