import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { systemClock } from '@gala/lib/clock';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { Tracer } from '@gala/lib/trace';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SpanExport } from './span-export.ts';

interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: object[];
  readonly status?: object;
}

interface SentBody {
  readonly resourceSpans: [{ resource: object; scopeSpans: [{ spans: SentSpan[] }] }];
}

let server: Server;
let url: string;
let bodies: SentBody[];
let statuses: number[];

/** A collector that answers the given statuses first, then 200. */
beforeEach(async () => {
  bodies = [];
  statuses = [];
  server = createServer((request, response) => {
    void text(request).then((body) => {
      bodies.push(JSON.parse(body) as SentBody);
      response.writeHead(statuses.shift() ?? 200).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function startExport({ queueMax = 100 } = {}) {
  const metrics = createMetrics('test');
  const lines: string[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } });
  const tracer = new Tracer({ clock: systemClock, logger, metrics, sampleShare: 1 });
  const resource = { 'service.name': 'gala' };
  const spanExport = new SpanExport({ url, queueMax, resource, tracer, clock: systemClock, logger, metrics });
  const metric = async (name: string): Promise<number> =>
    Number(new RegExp(`^gala_otlp_${name}\\S* (\\d+)$`, 'm').exec(await metrics.text())?.[1]);
  return { tracer, metric, lines, [Symbol.asyncDispose]: () => spanExport[Symbol.asyncDispose]() };
}

const spansOf = (body: SentBody): SentSpan[] => body.resourceSpans[0].scopeSpans[0].spans;

test('kept spans reach the collector in its encoding', async () => {
  await using exporting = startExport();
  const { tracer } = exporting;
  const first = tracer.start('publish', { attributes: { roomId: 7, name: 'a', ok: true, share: 0.5 } });
  first.child('admit').fail(new Error('away')).end();
  first.end();
  await expect.poll(() => bodies.length).toBe(1);
  expect(bodies[0].resourceSpans[0].resource).toEqual({
    attributes: [{ key: 'service.name', value: { stringValue: 'gala' } }],
  });
  const [admit, publish] = spansOf(bodies[0]);
  expect(admit).toMatchObject({
    name: 'admit',
    parentSpanId: first.spanId,
    status: { code: 2, message: 'INTERNAL: away' },
  });
  expect(publish).toMatchObject({ traceId: first.traceId, spanId: first.spanId });
  expect([publish.parentSpanId, publish.status]).toEqual([undefined, undefined]);
  expect(publish.attributes).toEqual([
    { key: 'roomId', value: { intValue: '7' } },
    { key: 'name', value: { stringValue: 'a' } },
    { key: 'ok', value: { boolValue: true } },
    { key: 'share', value: { doubleValue: 0.5 } },
  ]);
  const startMs = Number(BigInt(publish.startTimeUnixNano) / 1_000_000n);
  expect(Math.abs(startMs - Date.now())).toBeLessThan(60_000);
  expect(BigInt(publish.endTimeUnixNano) >= BigInt(publish.startTimeUnixNano)).toBe(true);
  await expect.poll(() => exporting.metric('spans_sent_total')).toBe(2);
});

test('a collector that is away is tried again, complained of once, and nothing over the bound is kept', async () => {
  await using exporting = startExport({ queueMax: 3 });
  statuses = [503, 503];
  for (let count = 0; count < 5; count++) exporting.tracer.start(`span ${count}`).end();
  expect(await exporting.metric('spans_dropped_total')).toBe(2);
  await expect.poll(() => bodies.length, { timeout: 10_000 }).toBe(3);
  expect(bodies.map((body) => spansOf(body).map(({ name }) => name))).toEqual(
    bodies.map(() => ['span 0', 'span 1', 'span 2']),
  );
  await expect.poll(() => exporting.metric('spans_sent_total')).toBe(3);
  expect(await exporting.metric('waiting')).toBe(0);
  expect(exporting.lines.filter((line) => line.includes('could not be sent'))).toHaveLength(1);
});

test('what a collector refuses for good is dropped and counted; the last spans are sent at the end', async () => {
  statuses = [400];
  const exporting = startExport();
  exporting.tracer.start('refused').end();
  await expect.poll(() => exporting.metric('spans_dropped_total')).toBe(1);
  exporting.tracer.start('last').end();
  await exporting[Symbol.asyncDispose]();
  expect(bodies.flatMap(spansOf).map(({ name }) => name)).toEqual(['refused', 'last']);
});
