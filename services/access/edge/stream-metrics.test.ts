import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { ManualClock } from '@gala/lib/clock';
import { expect, test } from 'vitest';
import { EdgeEvents } from './events.ts';
import { Fanout } from './fanout.ts';
import { Stream } from './stream.ts';
import { Streams } from './streams.ts';
import { showStreamMetrics } from './stream-metrics.ts';

const clock = new ManualClock();

/** `count` streams whose tallies are as many as their numbers. */
function open(count: number) {
  const metrics = createMetrics('test');
  const events = new EdgeEvents(createLogger({ name: 'test', level: 'silent' }), metrics);
  const streams = new Streams();
  showStreamMetrics(metrics, streams);
  const common = { clock, events, fanout: new Fanout(clock), onState: streams.changed };
  const config = { lowTickMs: 100, economyTickMs: 350 } as never;
  for (let number = 1; number <= count; number++) {
    const media = { record: false, forwardUrls: [] };
    const identity = { roomId: number, hostName: `h${number}`, isPrivate: false, holdMs: 0, media };
    const stream = new Stream({ ...common, config, identity });
    stream.tallies.low.bytesOut = number;
    stream.tallies.low.shedPictures();
    streams.add(stream);
  }
  const value = async (series: string): Promise<number | undefined> => {
    const line = (await metrics.text()).split('\n').find((each) => each.startsWith(series));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
  };
  return { streams, value, metrics };
}

test('a hundred streams have series of their own, the rest is summed', async () => {
  const { value, metrics } = open(103);
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('gala_stream_shed{'));
  expect(lines).toHaveLength(101);
  expect(await value('gala_stream_shed{room="other"')).toBe(3);
});

test('totals of a class never fall when a stream ends', async () => {
  const { streams, value } = open(3);
  const sent = 'gala_viewer_class_sent_bytes_total{latency="low"';
  const shed = 'gala_viewer_class_shed_total{latency="low",kind="pictures"';
  expect([await value(sent), await value(shed)]).toEqual([6, 3]);
  streams.get(3)?.end('test');
  expect(streams.size).toBe(2);
  expect([await value(sent), await value(shed)]).toEqual([6, 3]);
  expect(await value('gala_viewer_class_sent_bytes_total{latency="realtime"')).toBe(0);
});
