import { systemClock } from '@gala/lib/clock';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { createRpc } from '@gala/lib/rpc';
import { MemoryCoord } from '@gala/lib/rpc/testing';
import { Tracer } from '@gala/lib/trace';
import { TraceService } from '@gala/protocol/trace';
import { expect, test } from 'vitest';
import { serveTraces } from './traces.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

/** A process with a tracer, asked by another process. */
async function startWatched() {
  await using stack = new AsyncDisposableStack();
  const coord = new MemoryCoord();
  const metrics = createMetrics('test');
  const host = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1', port: 0, portSetting: 'none' };
  const common = { coord, clusterToken: 'token', ...host, logger };
  const watched = stack.use(createRpc({ ...common, memberId: 'watched', metrics }));
  const asking = stack.use(createRpc({ ...common, memberId: 'asking', metrics: createMetrics('test') }));
  const tracer = new Tracer({ clock: systemClock, logger, metrics, sampleShare: 0 });
  stack.use(await serveTraces({ processName: 'media', rpc: watched, tracer }));
  const owned = stack.move();
  return {
    tracer,
    client: asking.client(TraceService),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test('spans of a trace come with their process, parents, attributes as text and what they failed with', async () => {
  await using watched = await startWatched();
  const { tracer, client } = watched;
  const first = tracer.start('publish', { isSampled: true, attributes: { roomId: 7 } });
  const second = first.child('admit');
  second.fail(new Error('away')).end();
  first.end();
  tracer.start('not sampled').end();
  const { spans } = await client.getTrace({ traceId: first.traceId });
  expect(spans).toMatchObject([
    { name: 'publish', process: 'media', spanId: first.spanId, parentId: '', attributes: { roomId: '7' } },
    { name: 'admit', parentId: first.spanId, errorCode: 'INTERNAL', errorMessage: 'away' },
  ]);
  expect((await client.recentSpans({ limit: 10 })).spans.map(({ name }) => name)).toEqual([
    'publish',
    'admit',
  ]);
  const named = await client.recentSpans({ limit: 10, name: 'admit', traceIds: [first.traceId] });
  expect(named.spans.map(({ name }) => name)).toEqual(['admit']);
  expect((await client.recentSpans({ limit: 10, traceIds: ['f'.repeat(32)] })).spans).toEqual([]);
});

test('an unknown trace has no spans, and a limit out of bounds is refused', async () => {
  await using watched = await startWatched();
  expect((await watched.client.getTrace({ traceId: 'f'.repeat(32) })).spans).toEqual([]);
  const traceIds = Array.from({ length: 1_001 }, () => 'f'.repeat(32));
  const tooMany = watched.client.recentSpans({ limit: 1, traceIds });
  await expect(tooMany).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  await expect(watched.client.recentSpans({ limit: 0 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
});
