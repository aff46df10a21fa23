import { expect, test } from 'vitest';
import { connectRtmp } from './client.ts';
import { RoundTrip } from './round-trip.ts';
import { recordRtmp, until } from './testing.ts';

test('only the answer of the newest ping is a sample, and once', async () => {
  const sent: number[] = [];
  using roundTrip = new RoundTrip({ intervalMs: 20, ping: (value) => void sent.push(value) });
  expect([sent.length, roundTrip.ms]).toEqual([1, undefined]);
  await expect.poll(() => sent.length, { interval: 1 }).toBeGreaterThan(1);
  roundTrip.answered(sent[0]);
  expect(roundTrip.ms).toBeUndefined();
  roundTrip.answered(sent.at(-1)!);
  const first = roundTrip.ms;
  expect(first).toBeGreaterThanOrEqual(0);
  roundTrip.answered(sent.at(-1)!);
  expect(roundTrip.ms).toBe(first);
});

test('a publisher that answers pings shows how far it is', async () => {
  await using peer = await recordRtmp({ limits: { pingMs: 20 } });
  await using client = await connectRtmp(`rtmp://127.0.0.1:${peer.server.address().port}/live`, {
    streamKey: 'a',
  });
  await client.publish();
  const [connection] = peer.server.connections;
  await until(() => connection.rttMs !== undefined);
  expect(connection.rttMs).toBeLessThan(5_000);
});
