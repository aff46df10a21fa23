import { ManualClock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Client } from '@gala/lib/rpc';
import type { AccountService } from '@gala/protocol/account';
import { commonErrors } from '@gala/protocol/errors';
import { expect, test } from 'vitest';
import { PlayKeys } from './play-keys.ts';

function start() {
  const clock = new ManualClock();
  const service = { kids: ['k1'], isReachable: true, asked: 0, failures: 0 };
  const signingKeys = async () => {
    service.asked++;
    if (!service.isReachable) throw new CodedError(commonErrors, 'UNAVAILABLE');
    return { keys: service.kids.map((kid) => ({ kid, secret: Buffer.from(kid) })) };
  };
  const accounts = { signingKeys } as unknown as Client<typeof AccountService>;
  const keys = new PlayKeys({ accounts, clock, onFailed: () => void service.failures++ });
  const kids = async (kid: string) => (await keys.for(kid)).map((key) => key.kid);
  return { clock, service, kids };
}

test('keys are asked for once, also by many at the same time, and anew after a minute', async () => {
  const { clock, service, kids } = start();
  expect(await Promise.all([kids('k1'), kids('k1'), kids('k1')])).toEqual([['k1'], ['k1'], ['k1']]);
  expect(service.asked).toBe(1);
  service.kids = ['k2', 'k1'];
  clock.advance(60_001);
  expect(await kids('k1')).toEqual(['k1']);
  await expect.poll(() => kids('k1')).toEqual(['k2', 'k1']);
  expect(service.asked).toBe(2);
});

test('an unknown key asks again, but at most once a second', async () => {
  const { clock, service, kids } = start();
  await kids('k1');
  service.kids = ['k2', 'k1'];
  for (let tries = 0; tries < 5; tries++) expect(await kids('k2')).toEqual(['k1']);
  expect(service.asked).toBe(1);
  clock.advance(1001);
  expect(await kids('k2')).toEqual(['k2', 'k1']);
});

test('known keys go on while the service is away; without any the answer is that it is', async () => {
  const { clock, service, kids } = start();
  service.isReachable = false;
  await expect(kids('k1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  service.isReachable = true;
  clock.advance(1001);
  await kids('k1');
  service.isReachable = false;
  clock.advance(3_600_000);
  expect(await kids('k1')).toEqual(['k1']);
  await expect.poll(() => service.failures).toBe(2);
});
