import { waitUntil } from '@gala/lib/lifecycle';
import { connectRtmp } from '@gala/media-io/rtmp';
import { test } from 'vitest';
import { publish, type TestEdge } from '../testing-edge.ts';
import { isSigned } from './testing.ts';
import { startWorld } from './testing-world.ts';

const waited = { timeout: 5_000 };

/** What an encoder reads. */
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

test.concurrent('a publisher is asked about, signed and without its key, and its end is told', async ({
  expect,
}) => {
  await using world = await startWorld();
  const { edge, receiver } = world;
  const host = await publish(edge, { streamKey: '1.secret?token=abc' });
  const [asked] = receiver.calls;
  expect(asked.body).toEqual({
    event: 'onPublish',
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    timeMs: expect.any(Number),
    edgeId: expect.any(String),
    roomId: edge.rooms.roomId,
    host: 'Anna',
    address: '127.0.0.1',
    protocol: 'rtmp',
    query: 'token=abc',
    session: expect.any(String),
  });
  expect(isSigned(asked)).toBe(true);
  expect(isSigned({ ...asked, raw: asked.raw.replace('Anna', 'Otto') })).toBe(false);
  await host[Symbol.asyncDispose]();
  await expect.poll(() => receiver.of('onUnpublish'), waited).toHaveLength(1);
  const { session } = asked.body;
  expect(receiver.calls[1].body).toMatchObject({ session, epoch: 1, reason: 'unpublished', host: 'Anna' });
  expect(receiver.calls[1].body.durationMs).toBeGreaterThanOrEqual(0);
  expect(receiver.calls.map(({ raw }) => raw).join('')).not.toContain('secret');
  expect(edge.logLines.join('')).not.toContain('of-the-receiver');
});

test.concurrent('who is denied is told why, and nothing was begun for it', async ({ expect }) => {
  await using world = await startWorld();
  const { edge, receiver } = world;
  receiver.answer = (_, response) => {
    response.writeHead(403).end(JSON.stringify({ message: 'not paid' }));
  };
  const told = await refusal(edge);
  expect(told).toMatch(/^NetStream\.Publish\.BadName HOOK_DENIED: .*: not paid$/);
  expect(edge.rooms.epoch).toBe(0);
  expect(await edge.metric('gala_edge_publishers')).toBe(0);
  expect(await edge.metric('gala_hooks_denied_total')).toBe(1);
  receiver.answer = () => undefined;
  await using _ = await publish(edge);
  expect(receiver.of('onUnpublish')).toEqual([]);
});

test.concurrent('a wrong key reaches no hook', async ({ expect }) => {
  await using world = await startWorld();
  expect(await refusal(world.edge, '1.wrong')).toContain('STREAM_KEY_WRONG');
  expect(world.receiver.calls).toEqual([]);
});

test.concurrent('no decision in time is a denial, or what is set', async ({ expect }) => {
  await using denying = await startWorld({ GALA_HOOKS_TIMEOUT_MS: '100' });
  const never = (): Promise<void> => new Promise(() => undefined);
  denying.receiver.answer = never;
  expect(await refusal(denying.edge)).toMatch(/^NetStream\.Publish\.Failed HOOK_FAILED/);
  await using allowing = await startWorld({ GALA_HOOKS_TIMEOUT_MS: '100', GALA_HOOKS_ON_TIMEOUT: 'allow' });
  allowing.receiver.answer = never;
  await using _ = await publish(allowing.edge);
  expect(await allowing.edge.metric('gala_hooks_decisions_failed_total')).toBe(1);
});

test.concurrent('a publisher that left while its hook was asked holds nothing', async ({ expect }) => {
  await using world = await startWorld({ GALA_HOOKS_TIMEOUT_MS: '5000' });
  const { edge, receiver } = world;
  const gate = Promise.withResolvers<void>();
  receiver.answer = ({ event }) =>
    event === 'onPublish' && receiver.calls.length === 1 ? gate.promise : undefined;
  const leaving = await connectRtmp(edge.rtmpUrl, { streamKey: edge.rooms.streamKey });
  const decided = leaving.publish().catch(() => undefined);
  await expect.poll(() => receiver.calls, waited).toHaveLength(1);
  expect(await edge.metric('gala_edge_publishers')).toBe(1);
  await leaving[Symbol.asyncDispose]();
  await decided;
  await expect.poll(() => edge.metric('gala_edge_publishers'), waited).toBe(0);
  gate.resolve();
  await using _ = await publish(edge);
  expect(edge.rooms.epoch).toBe(1);
  expect(edge.rooms.reports.every(({ epoch }) => epoch === 1)).toBe(true);
});

test.concurrent('who is on air goes on until the hook has let the next one in', async ({ expect }) => {
  await using world = await startWorld();
  const { edge, receiver } = world;
  await using first = await publish(edge);
  receiver.answer = ({ event }, response) => {
    if (event === 'onPublish') response.writeHead(403).end('no, thank you');
  };
  expect(await refusal(edge)).toContain('no, thank you');
  expect(first.codes).not.toContain('NetStream.Publish.BadName');
  expect(edge.rooms.epoch).toBe(1);
  receiver.answer = () => undefined;
  await using _ = await publish(edge);
  await first.ended;
  await expect.poll(() => receiver.of('onUnpublish'), waited).toHaveLength(1);
  const { session } = receiver.of('onPublish')[0].body;
  expect(receiver.of('onUnpublish')[0].body).toMatchObject({ session, reason: 'taken_over', epoch: 1 });
});

test.concurrent('a publisher from memory is asked about as well', async ({ expect }) => {
  await using world = await startWorld();
  const { edge, receiver } = world;
  const host = await publish(edge);
  await host[Symbol.asyncDispose]();
  await expect.poll(() => edge.rooms.events.at(-1), waited).toBe('HELD');
  edge.rooms.isReachable = false;
  receiver.answer = (_, response) => void response.writeHead(403).end();
  expect(await refusal(edge)).toContain('HOOK_DENIED');
  receiver.answer = () => undefined;
  await using _ = await publish(edge);
  expect(receiver.of('onPublish')).toHaveLength(3);
  expect(await edge.metric('gala_edge_publishes_from_memory_total')).toBe(1);
});

test.concurrent('an event can be off while the others go to their URL', async ({ expect }) => {
  await using world = await startWorld({ GALA_HOOKS_ON_PUBLISH: 'off' });
  const { edge, receiver } = world;
  const host = await publish(edge);
  expect(receiver.calls).toEqual([]);
  await host[Symbol.asyncDispose]();
  await expect.poll(() => receiver.calls.map(({ event }) => event), waited).toEqual(['onUnpublish']);
});

test.concurrent('the end of a publisher is told when the edge closes', async ({ expect }) => {
  const world = await startWorld();
  await using host = await publish(world.edge);
  await world.edge[Symbol.asyncDispose]();
  await host.ended;
  expect(world.receiver.of('onUnpublish')[0].body).toMatchObject({ reason: 'edge_closed' });
  await world[Symbol.asyncDispose]();
});
