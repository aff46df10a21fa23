import { waitUntil } from '@gala/lib/lifecycle';
import { connectRtmp } from '@gala/media-io/rtmp';
import { test } from 'vitest';
import { publish, startTestEdge, type TestEdge } from '../testing-edge.ts';
import { bodies } from '../testing.ts';

const waited = { timeout: 10_000 };

async function refusal(edge: TestEdge, streamKey = edge.rooms.streamKey): Promise<string> {
  let told = '';
  await using client = await connectRtmp(edge.rtmpUrl, {
    streamKey,
    onStatus: ({ code, description }) => (told = `${code} ${description}`),
  });
  await client.publish().catch(() => undefined);
  await waitUntil(() => told !== '', { timeoutMs: 5_000 });
  return told;
}

test.concurrent('an address out of the lists is refused before its key is looked at', async ({ expect }) => {
  const env = { GALA_ADDRESSES_PUBLISH_ALLOW: '192.0.2.0/24,2001:db8::/32' };
  await using edge = await startTestEdge({ env });
  expect(await refusal(edge, '1.wrong')).toMatch(/^NetStream\.Publish\.BadName ADDRESS_DENIED/);
  expect(await edge.metric('gala_limits_publish_addresses_denied_total')).toBe(1);
});

test.concurrent('what is denied counts more than what is allowed', async ({ expect }) => {
  const env = { GALA_ADDRESSES_PUBLISH_ALLOW: '127.0.0.0/8', GALA_ADDRESSES_PUBLISH_DENY: '127.0.0.1' };
  await using denying = await startTestEdge({ env });
  expect(await refusal(denying)).toContain('ADDRESS_DENIED');
  await using allowing = await startTestEdge({ env: { GALA_ADDRESSES_PUBLISH_ALLOW: '127.0.0.0/8' } });
  await using _ = await publish(allowing);
});

test.concurrent('guessing keys is slowed down', async ({ expect }) => {
  await using edge = await startTestEdge({ env: { GALA_LIMITS_PUBLISH_TRIES_PER_MINUTE: '3' } });
  for (let guess = 0; guess < 3; guess++)
    expect(await refusal(edge, '1.guess')).toContain('STREAM_KEY_WRONG');
  expect(await refusal(edge)).toMatch(/^NetStream\.Publish\.Failed RATE_LIMITED/);
  expect(await edge.metric('gala_limits_publish_tries_refused_total')).toBe(1);
});

test.concurrent('publishers of an address are bounded; one that has left makes room', async ({ expect }) => {
  await using edge = await startTestEdge({ env: { GALA_LIMITS_PUBLISHERS_PER_ADDRESS_MAX: '1' } });
  const first = await publish(edge);
  expect(await refusal(edge)).toMatch(/^NetStream\.Publish\.Failed TOO_MANY_PUBLISHERS/);
  expect(await edge.metric('gala_limits_publishers_refused_total')).toBe(1);
  await first[Symbol.asyncDispose]();
  await expect.poll(() => edge.metric('gala_edge_publishers'), waited).toBe(0);
  await using _ = await publish(edge);
});

test.concurrent('a publisher over its bit rate is told and closed, and its stream is held', async ({
  expect,
}) => {
  const env = { GALA_LIMITS_STREAM_BITS_PER_SECOND_MAX: '100000', GALA_LIMITS_STREAM_OVER_MS: '1000' };
  await using edge = await startTestEdge({ env });
  await using host = await publish(edge);
  const body = Buffer.concat([bodies.interFrame(), Buffer.alloc(10_000)]);
  body.writeUInt32BE(body.length - 9, 5);
  let timestampMs = 0;
  const timer = setInterval(() => host.client.sendVideo((timestampMs += 50), body), 50);
  const reason = await host.ended;
  clearInterval(timer);
  expect(reason).toMatch(/^RTMP_/);
  expect(host.codes).toContain('NetStream.Publish.BadName');
  await expect.poll(() => edge.rooms.reports.at(-1), waited).toMatchObject({ reason: 'bitrate_too_high' });
  expect(edge.rooms.events.at(-1)).toBe('HELD');
  expect(await edge.metric('gala_limits_bitrate_exceeded_total')).toBe(1);
});
