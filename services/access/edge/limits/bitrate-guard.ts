import type { Clock } from '@gala/lib/clock';
import type { Ingest } from '../ingest.ts';
import type { Publisher, Stream } from '../stream.ts';
import type { LimitsConfig } from './config.ts';
import type { LimitEvents } from './events.ts';

const checkMs = 1_000;

export interface BitrateGuardOptions {
  readonly streams: Iterable<Stream>;
  readonly ingest: Pick<Ingest, 'expel'>;
  readonly config: Pick<LimitsConfig, 'streamBitsPerSecondMax' | 'streamOverMs'>;
  readonly events: LimitEvents;
  readonly clock: Clock;
}

/** Closes publishers that send more than they may for longer than they may; their streams are held. */
export function guardBitrates(options: BitrateGuardOptions): Disposable {
  let overSinceMs = new Map<Publisher, number>();
  const timer = setInterval(() => (overSinceMs = checkOnce(options, overSinceMs)), checkMs).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Looks at the last whole second of every publisher of this process; answers since when each is over the bound. */
function checkOnce(
  { streams, ingest, config, events, clock }: BitrateGuardOptions,
  before: ReadonlyMap<Publisher, number>,
): Map<Publisher, number> {
  const nowMs = clock.monotonicMs();
  const overSinceMs = new Map<Publisher, number>();
  for (const stream of streams) {
    const { publisher, stats, roomId } = stream;
    const { bitsPerSecond } = stats;
    if (!publisher || bitsPerSecond <= config.streamBitsPerSecondMax) continue;
    const sinceMs = before.get(publisher) ?? nowMs;
    overSinceMs.set(publisher, sinceMs);
    if (nowMs - sinceMs < config.streamOverMs) continue;
    events.bitrateExceeded(roomId, bitsPerSecond);
    const description = `BITRATE_TOO_HIGH: more than ${config.streamBitsPerSecondMax} bits a second`;
    ingest.expel(stream, publisher, { reason: 'bitrate_too_high', description });
  }
  return overSinceMs;
}
