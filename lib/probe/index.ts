import { within } from '../timing/index.ts';

/** One address of an engine that the settings name, and how it is asked whether it is there. */
export interface Probe {
  /** Name of the engine: `etcd`. */
  readonly engine: string;
  /** What Gala uses it for: `coordination`. */
  readonly feature: string;
  /** Without secrets. */
  readonly address: string;
  /** Loads what asking needs; its time is not the engine's. */
  prepare?(): Promise<unknown>;
  /** Resolves with the version, or what else it says of itself; rejects when it is of no use. */
  ask(): Promise<string>;
}

export interface ProbeResult extends Pick<Probe, 'engine' | 'feature' | 'address'> {
  readonly up: boolean;
  /** What it said, or why it is not up. */
  readonly says: string;
  readonly answerMs: number;
}

const answerMsMax = 2000;
/** Engines of a fleet are tens; more would be asked one after the other. */
const atOnce = 64;

/** Asks all of them, each within 2 s; never rejects. */
export async function probeAll(probes: readonly Probe[]): Promise<ProbeResult[]> {
  const results: ProbeResult[] = [];
  for (let first = 0; first < probes.length; first += atOnce) {
    results.push(...(await Promise.all(probes.slice(first, first + atOnce).map(probeOne))));
  }
  return results;
}

async function probeOne(probe: Probe): Promise<ProbeResult> {
  const { engine, feature, address } = probe;
  await probe.prepare?.();
  const askedMs = performance.now();
  const answer = await within(answerMsMax, probe.ask(), unanswered).then(
    (says) => ({ up: true, says }),
    (error: unknown) => ({ up: false, says: reasonOf(error) }),
  );
  return { engine, feature, address, ...answer, answerMs: performance.now() - askedMs };
}

function unanswered(): never {
  throw new Error(`no answer in ${answerMsMax} ms`);
}

/** The innermost reason in one line: wrappers only say that something failed. */
function reasonOf(error: unknown): string {
  let inner = error;
  for (let depth = 0; depth < 4 && inner instanceof Error && inner.cause; depth++) inner = inner.cause;
  const { message, code } = inner as { message?: string; code?: unknown };
  return (message || String(code ?? inner)).split('\n')[0].slice(0, 200);
}
