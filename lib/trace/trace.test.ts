import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import type { SpanFilter } from './kept-spans.ts';
import { formatTraceparent, parseTraceparent, Tracer, type SpanRecord, type TracerOptions } from './index.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const logger = createLogger({ name: 'test', level: 'silent' });

describe('traceparent', () => {
  test.each([
    [`00-${traceId}-${spanId}-01`, { traceId, spanId, isSampled: true }],
    [`00-${traceId}-${spanId}-02`, { traceId, spanId, isSampled: false }],
    [`01-${traceId}-${spanId}-03-what-comes-later`, { traceId, spanId, isSampled: true }],
  ])('reads %s', (text, context) => {
    expect(parseTraceparent(text)).toEqual(context);
  });

  test.each([
    '',
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `01-${traceId}-${spanId}-01.more`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}-1`,
    ` 00-${traceId}-${spanId}-01`,
  ])('refuses "%s"', (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });

  test('what is written is read again, and no text breaks the reader', () => {
    const hex = (length: number) =>
      fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => !/^0+$/.test(text));
    const contexts = fc.record({ traceId: hex(32), spanId: hex(16), isSampled: fc.boolean() });
    fc.assert(
      fc.property(contexts, (context) => {
        expect(parseTraceparent(formatTraceparent(context))).toEqual(context);
      }),
    );
    const texts = fc.property(fc.string(), (text) => {
      expect(parseTraceparent(text)).toBeUndefined();
    });
    fc.assert(texts);
    const tooLong = `01-${traceId}-${spanId}-01-${'x'.repeat(1000)}`;
    expect(parseTraceparent(tooLong)).toBeUndefined();
  });
});

let serial = 0;

function open(options: Partial<TracerOptions> = {}) {
  const clock = new ManualClock(1_000_000);
  const metrics = createMetrics(`trace-${++serial}`);
  const tracer = new Tracer({ clock, logger, metrics, sampleShare: 0, ...options });
  return { clock, metrics, tracer };
}

test('a parent from outside keeps its ids and not its word about sampling', () => {
  const parent = `00-${traceId}-${spanId}-01`;
  for (const [sampleShare, isSampled] of [
    [0, false],
    [1, true],
  ] as const) {
    const { tracer } = open({ sampleShare });
    const span = tracer.start('request', { parent, isParentTrusted: false });
    expect([span.traceId, span.parentId, span.isSampled]).toEqual([traceId, spanId, isSampled]);
    expect(tracer.start('call', { parent }).isSampled).toBe(true);
  }
});

test('a sampled trace is kept with its parents, times and attributes, as JSON', () => {
  const { clock, tracer } = open({ sampleShare: 1 });
  const publish = tracer.start('publish', { attributes: { room: 7 } });
  clock.advance(10);
  const relay = tracer.start('relay', { parent: publish.traceparent });
  clock.advance(5);
  const viewer = relay.child('viewer').set('protocol', 'flv');
  for (const span of [viewer, relay, publish, publish]) span.end();
  const common = { traceId: publish.traceId };
  expect(JSON.parse(JSON.stringify(tracer.trace(publish.traceId)))).toEqual([
    {
      ...common,
      name: 'publish',
      spanId: publish.spanId,
      startMs: 1_000_000,
      durationMs: 15,
      attributes: { room: 7 },
    },
    {
      ...common,
      name: 'relay',
      spanId: relay.spanId,
      parentId: publish.spanId,
      startMs: 1_000_010,
      durationMs: 5,
      attributes: {},
    },
    {
      ...common,
      name: 'viewer',
      spanId: viewer.spanId,
      parentId: relay.spanId,
      startMs: 1_000_015,
      durationMs: 0,
      attributes: { protocol: 'flv' },
    },
  ]);
});

test('the head decides for the whole trace, by the share, alike in every process', () => {
  const [one, two] = [open({ sampleShare: 0.01 }), open({ sampleShare: 0.01 })];
  let sampled = 0;
  for (let traces = 0; traces < 20_000; traces++) {
    const span = one.tracer.start('head');
    const far = two.tracer.start('far', { parent: span.traceparent });
    expect(far.isSampled).toBe(span.isSampled);
    sampled += Number(span.isSampled);
  }
  // Five standard deviations around 200.
  expect(sampled).toBeGreaterThan(130);
  expect(sampled).toBeLessThan(270);
});

test('what fails, is slow or is told to is kept without being sampled; nothing else is', async () => {
  const { clock, tracer } = open({ slowMs: 1000 });
  tracer.start('quick').end();
  const denied = new CodedError({ DENIED: { http: 403, grpc: 7, message: 'denied' } }, 'DENIED');
  const failing = tracer.run('failing', {}, async () => {
    throw denied;
  });
  await expect(failing).rejects.toBe(denied);
  await tracer.run('slow', {}, async () => clock.advance(1000));
  tracer.start('gift', { isSampled: true }).end();
  expect(tracer.recent(10).map(({ name, error }) => [name, error])).toEqual([
    ['gift', undefined],
    ['slow', undefined],
    ['failing', { code: 'DENIED', message: 'denied' }],
  ]);
});

test('a traceparent that is not valid begins a new trace', () => {
  const span = open().tracer.start('play', { parent: 'nonsense' });
  expect(span.parentId).toBeUndefined();
  expect(parseTraceparent(span.traceparent)?.traceId).toBe(span.traceId);
});

test('spans, attributes and texts are bounded, and what is lost is counted', async () => {
  const { tracer, metrics } = open({ sampleShare: 1, spansMax: 3 });
  for (let spans = 0; spans < 5; spans++) {
    const span = tracer.start('many', { attributes: { serial: spans } });
    for (let keys = 1; keys < 41; keys++) span.set(`key${keys}`, 'x'.repeat(1000));
    span.set('key1', 'again').end();
  }
  const kept = tracer.recent(10);
  expect(kept.map(({ attributes }) => attributes.serial)).toEqual([4, 3, 2]);
  expect(Object.keys(kept[0].attributes)).toHaveLength(32);
  expect(kept[0].attributes).toMatchObject({ key1: 'again', key2: 'x'.repeat(256) });
  const text = await metrics.text();
  expect(text).toMatch(/gala_trace_overwrites\{.*\} 2/);
  expect(text).toMatch(/gala_trace_attributes_dropped_total\{.*\} 45/);
});

test('what is frequent does not push out what is rare', () => {
  const { tracer } = open({ sampleShare: 1, spansMax: 10 });
  const record = (name: string) => tracer.start(name).end();
  record('publish');
  for (let requests = 0; requests < 100; requests++) record(requests % 2 === 0 ? 'getRoom' : 'listRooms');
  record('publish');
  const names = tracer.recent(20).map(({ name }) => name);
  expect([names.length, names.at(-1), names[0]]).toEqual([10, 'publish', 'publish']);
  expect(names.filter((name) => name === 'getRoom')).toHaveLength(4);
  for (let others = 0; others < 100; others++) record(`other${others}`);
  expect(tracer.recent(20)).toHaveLength(10);
});

test('spans are found by name and by trace', () => {
  const { tracer } = open({ sampleShare: 1 });
  const publish = tracer.start('publish');
  publish.child('admit').end();
  publish.end();
  tracer.start('publish').end();
  tracer.start('getRoom').end();
  const found = (filter: SpanFilter, countMax = 10) =>
    tracer.recent(countMax, filter).map(({ name }) => name);
  expect(found({ name: 'publish' })).toEqual(['publish', 'publish']);
  expect(found({ name: 'publish' }, 1)).toEqual(['publish']);
  expect(found({ traceIds: new Set([publish.traceId]) })).toEqual(['publish', 'admit']);
  expect(found({ name: 'admit', traceIds: new Set([publish.traceId]) })).toEqual(['admit']);
  expect(found({ name: 'unheard' })).toEqual([]);
});

test('listeners get every recorded span; one that throws harms nobody', async () => {
  const { tracer, metrics } = open({ sampleShare: 1 });
  const seen: SpanRecord[] = [];
  tracer.onSpan(() => {
    throw new Error('exporter is down');
  });
  const stop = tracer.onSpan((span) => seen.push(span));
  tracer.start('first').end();
  stop();
  tracer.start('second').end();
  expect(seen.map(({ name }) => name)).toEqual(['first']);
  expect(await metrics.text()).toMatch(/gala_trace_export_failures_total\{.*\} 2/);
});
