import type { LabelledValue, Metrics } from '@gala/lib/metrics';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';
import { classesOf, type ViewerClass } from './summary.ts';
import type { Latency } from './viewer.ts';

/** Streams with series of their own in a scrape, largest first; all others are one series, `other`. */
const seriesMax = 100;
const classNames = ['realtime', 'low', 'economy', 'hls'];
const shedKinds = ['disposable', 'pictures', 'batches', 'viewers'] as const;

type Sums = Readonly<Record<'bytesOut' | (typeof shedKinds)[number], number>>;

/** What the scrape is told of each stream, and of viewers by what they play. */
export function showStreamMetrics(metrics: Metrics, streams: Streams): void {
  showRates(metrics, streams);
  showMeasures(metrics, streams);
  showClasses(metrics, streams);
}

/** What adds up: `other` has the sum. */
function showRates(metrics: Metrics, streams: Streams): void {
  const show = (name: string, help: string, read: (stream: Stream) => number): void =>
    metrics.gauges({ name, help, labelNames: ['room'], read: () => perStream(streams, read, sumOf) });
  show('gala_stream_viewers', 'viewers of a stream', (stream) => stream.viewerCount);
  show('gala_stream_bits_per_second', 'media received', ({ stats }) => stats.bitsPerSecond);
  show('gala_stream_out_bits_per_second', 'media sent to viewers', ({ stats }) => stats.bitsOutPerSecond);
  show('gala_stream_frames_per_second', 'pictures received', ({ stats }) => stats.framesPerSecond);
  const shed = ({ disposableShed, picturesShed, batchesShed }: Stream['tallies'][Latency]): number =>
    disposableShed + picturesShed + batchesShed;
  show('gala_stream_shed', 'writes left out for slow viewers since the stream began', ({ tallies }) =>
    sumOf(Object.values(tallies).map(shed)),
  );
}

/** What does not add up: `other` has what is farthest from 0. */
function showMeasures(metrics: Metrics, streams: Streams): void {
  const show = (name: string, help: string, readMs: (stream: Stream) => number | undefined): void =>
    metrics.gauges({
      name,
      help,
      labelNames: ['room'],
      read: () => perStream(streams, (stream) => (readMs(stream) ?? 0) / 1000, farthestOf),
    });
  show('gala_stream_gop_seconds', 'between the last two key frames', ({ stats }) => stats.gopMs);
  show('gala_stream_jitter_seconds', 'unevenness of arrival', ({ stats }) => stats.jitterMs);
  show('gala_stream_skew_seconds', 'sound behind pictures', ({ stats }) => stats.skewMs);
  show('gala_stream_drift_seconds', 'stream time ahead of the wall clock', ({ stats }) => stats.driftMs);
  show('gala_stream_rtt_seconds', 'to the publisher and back', ({ publisher }) => publisher?.rttMs);
}

function showClasses(metrics: Metrics, streams: Streams): void {
  const totals = new ClassTotals(streams);
  metrics.gauges({
    name: 'gala_viewer_class_viewers',
    help: 'viewers by latency and framing',
    labelNames: ['latency', 'framing'],
    read: () => viewersByClass([...streams].flatMap(classesOf)),
  });
  metrics.labelledCounters({
    name: 'gala_viewer_class_sent_bytes_total',
    help: 'bytes sent to viewers by latency',
    labelNames: ['latency'],
    read: () =>
      [...totals.read()].map(([latency, { bytesOut }]) => ({ labels: { latency }, value: bytesOut })),
  });
  metrics.labelledCounters({
    name: 'gala_viewer_class_shed_total',
    help: 'what slow viewers were not sent, by latency and kind',
    labelNames: ['latency', 'kind'],
    read: () => [...totals.read()].flatMap(shedOf),
  });
}

function shedOf([latency, sums]: [string, Sums]): LabelledValue[] {
  return shedKinds.map((kind) => ({ labels: { latency, kind }, value: sums[kind] }));
}

/** Sums over all streams that there have ever been: what a stream leaves behind is kept when it ends. */
class ClassTotals {
  readonly #streams: Streams;
  readonly #left = new Map<string, Sums>(classNames.map((name) => [name, noSums]));

  constructor(streams: Streams) {
    this.#streams = streams;
    streams.observe((stream) => {
      if (stream.state === 'ended') addAll(this.#left, classesOf(stream));
    });
  }

  read(): Map<string, Sums> {
    const totals = new Map(this.#left);
    for (const stream of this.#streams) addAll(totals, classesOf(stream));
    return totals;
  }
}

const noSums: Sums = { bytesOut: 0, disposable: 0, pictures: 0, batches: 0, viewers: 0 };

function addAll(totals: Map<string, Sums>, classes: readonly ViewerClass[]): void {
  for (const each of classes) {
    const before = totals.get(each.latency) ?? noSums;
    totals.set(each.latency, {
      bytesOut: before.bytesOut + each.bytesOut,
      disposable: before.disposable + each.disposableShed,
      pictures: before.pictures + each.picturesShed,
      batches: before.batches + each.batchesShed,
      viewers: before.viewers + each.viewersEvicted,
    });
  }
}

function viewersByClass(classes: readonly ViewerClass[]): LabelledValue[] {
  const counts = new Map<string, { labels: { latency: string; framing: string }; value: number }>();
  for (const { latency, framings } of classes) {
    for (const { framing, viewers } of framings) {
      const key = `${latency} ${framing}`;
      const before = counts.get(key)?.value ?? 0;
      counts.set(key, { labels: { latency, framing }, value: before + viewers });
    }
  }
  return [...counts.values()];
}

function perStream(
  streams: Streams,
  read: (stream: Stream) => number,
  combine: (values: readonly number[]) => number,
): LabelledValue[] {
  const sorted = [...streams].toSorted((a, b) => b.viewerCount - a.viewerCount);
  const series = (room: string, value: number): LabelledValue => ({ labels: { room }, value });
  const shown = sorted.slice(0, seriesMax).map((stream) => series(String(stream.roomId), read(stream)));
  const rest = sorted.slice(seriesMax).map(read);
  return rest.length > 0 ? [...shown, series('other', combine(rest))] : shown;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function farthestOf(values: readonly number[]): number {
  return values.reduce((farthest, value) => (Math.abs(value) > Math.abs(farthest) ? value : farthest), 0);
}
