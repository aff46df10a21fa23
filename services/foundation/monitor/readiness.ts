import { respondJson, type HttpListener } from '@gala/lib/http';
import type { Clock } from '@gala/lib/clock';
import { probeAll, type Probe, type ProbeResult } from '@gala/lib/probe';

export interface ReadinessOptions {
  /** The process's own, behind the supervisor's `/processes/<name>/ready`. */
  readonly listener: HttpListener;
  readonly clock: Clock;
  /** What the process cannot work without; engines that only one feature needs are not asked for it. */
  readonly isReady: () => boolean;
  readonly probes: readonly Probe[];
}

/** Engines are asked at most this often, however many ask us. */
const freshMs = 2000;

/**
 * `/ready`: 200 while the process takes work, else 503, with the state of each engine of the settings as this
 * process reaches it. A dead engine degrades its own feature, so it stands there and takes nobody out of service.
 */
export function serveReadiness({ listener, clock, isReady, probes }: ReadinessOptions): void {
  let asking: Promise<readonly ProbeResult[]> | undefined;
  let askedMs = -Infinity;
  listener.mount('/ready', async (_request, response) => {
    if (!asking || clock.monotonicMs() - askedMs > freshMs) {
      askedMs = clock.monotonicMs();
      asking = probeAll(probes);
    }
    const results = await asking;
    const engines = results.map((each) => ({ ...each, answerMs: Math.round(each.answerMs) }));
    const ready = isReady();
    respondJson(response, { ready, engines }, { status: ready ? 200 : 503 });
  });
}
