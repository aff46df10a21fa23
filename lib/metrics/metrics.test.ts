import { expect, test } from 'vitest';
import { Histogram, createMetrics, mergeMetrics } from './index.ts';

test('plain counters show in the scrape with their process', async () => {
  const metrics = createMetrics('media');
  const counters = metrics.counters('edge', ['framesIn', 'framesDropped']);
  counters.framesIn += 3;
  const text = await metrics.text();
  expect(text).toContain('gala_edge_frames_in_total{process="media"} 3');
  expect(text).toContain('gala_edge_frames_dropped_total{process="media"} 0');
});

test('labelled gauges are read anew at each scrape', async () => {
  const metrics = createMetrics('media');
  let streams = [{ labels: { room: '1' }, value: 5 }];
  metrics.gauges({ name: 'gala_viewers', help: 'viewers a room', labelNames: ['room'], read: () => streams });
  expect(await metrics.text()).toContain('gala_viewers{room="1",process="media"} 5');
  streams = [{ labels: { room: '2' }, value: 6 }];
  const text = await metrics.text();
  expect(text).toContain('room="2"');
  expect(text).not.toContain('room="1"');
});

test('several processes merge into one answer', async () => {
  const [front, media] = [createMetrics('front'), createMetrics('media')];
  front.counters('edge', ['framesIn']).framesIn = 1;
  media.counters('edge', ['framesIn']).framesIn = 2;
  const text = await mergeMetrics([await front.json(), await media.json()]);
  expect(text).toContain('process="front"} 1');
  expect(text).toContain('process="media"} 2');
});

test('a histogram answers quantiles as bucket bounds', () => {
  const histogram = new Histogram([1, 2, 4]);
  for (const value of [0.5, 0.5, 1.5, 3]) histogram.observe(value);
  expect(histogram.quantile(0.5)).toBe(1);
  expect(histogram.quantile(0.99)).toBe(4);
  expect([...histogram.counts]).toEqual([2, 1, 1, 0]);
  histogram.observe(100);
  expect(histogram.quantile(1)).toBe(Infinity);
});

test('a histogram is scraped in the Prometheus form', async () => {
  const metrics = createMetrics('media');
  metrics.histogram('gala_join_seconds', 'join time', [0.1, 1]).observe(0.5);
  const text = await metrics.text();
  expect(text).toContain('# TYPE gala_join_seconds histogram');
  expect(text).toContain('gala_join_seconds_bucket{le="1",process="media"} 1');
  expect(text).toContain('gala_join_seconds_bucket{le="+Inf",process="media"} 1');
  expect(text).toContain('gala_join_seconds_count{process="media"} 1');
});

test('labelled counters are read anew at each scrape', async () => {
  const metrics = createMetrics('media');
  let value = 5;
  const read = () => [{ labels: { kind: 'a' }, value }];
  metrics.labelledCounters({ name: 'gala_shed_total', help: 'shed', labelNames: ['kind'], read });
  expect(await metrics.text()).toContain('gala_shed_total{kind="a",process="media"} 5');
  value = 6;
  const text = await metrics.text();
  expect(text).toContain('# TYPE gala_shed_total counter');
  expect(text).toContain('gala_shed_total{kind="a",process="media"} 6');
});
