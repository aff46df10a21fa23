import { expect, test } from 'vitest';
import { BreakerState, completePolicy, type BreakerPolicy } from './state.ts';
import { failed, slow, succeeded } from './window.ts';

/**
 * Goal: no interleaving of calls breaks the breaker's promises.
 * Method: breadth-first search over all sequences of a bounded set of actions (a call starts; one under way
 * succeeds, fails, is slow, is cancelled or never comes back; time passes), states that differ only in their
 * clock merged, every promise checked in every state against the model's own record of what happened.
 */
interface Call {
  readonly permit: number;
  readonly startMs: number;
  readonly isProbe: boolean;
  /** Phase changes seen when it started: in another phase its outcome must mean nothing. */
  readonly changes: number;
  /** Nobody will ever settle it. */
  readonly isLost: boolean;
}

interface World {
  readonly state: BreakerState;
  readonly nowMs: number;
  readonly calls: readonly Call[];
  /** Marks of the calls settled since it closed, newest last. */
  readonly history: readonly number[];
  /** Probes let through since it was last open, without those that were given back. */
  readonly probes: number;
  readonly path: string;
}

const callsAtOnce = 3;
/** Actions in a row: enough to trip, lose a probe, fail a probe and close again. */
const depth = process.env['GALA_SOAK'] ? 22 : 16;

const policies: Readonly<Record<string, BreakerPolicy>> = {
  'failures, over the last calls': {
    window: { calls: 3 },
    tripFailures: 2,
    tripFailureRate: Infinity,
    probes: 3,
  },
  'rates, over the last calls': { window: { calls: 3 }, tripFailureRate: 0.6, tripSlowRate: 1, probes: 2 },
  'failures, over time': { window: { ms: 60 }, tripFailures: 2, tripFailureRate: Infinity, probes: 3 },
};
const times = { slowMs: 100, probeMsMax: 3, openMsMin: 2, openMsMax: 4 };

test.each(Object.entries(policies))('%s: every interleaving keeps the promises', (_name, policy) => {
  const full = completePolicy({ ...times, ...policy });
  const seen = explore(new BreakerState(full), depth);
  const phases = new Set([...seen].map((key) => key.split(' ', 1)[0]));
  expect(phases).toEqual(new Set(['closed', 'open', 'halfOpen']));
  expect(seen.size).toBeGreaterThan(10_000);
});

const planted: Readonly<Record<string, typeof BreakerState>> = {
  'two probes at a time': class extends BreakerState {
    override enter(nowMs: number): number {
      const permit = super.enter(nowMs);
      if (this.phase === 'halfOpen') this.untilMs = -Infinity;
      return permit;
    }
  },
  'a lost probe is waited for': class extends BreakerState {
    override enter(nowMs: number): number {
      return this.phase === 'halfOpen' && this.untilMs !== -Infinity ? 0 : super.enter(nowMs);
    }
  },
  'late outcomes count': class extends BreakerState {
    override settle(_permit: number, marks: number, nowMs: number): void {
      super.settle(this.permit, marks, nowMs);
    }
  },
  'one success closes': class extends BreakerState {
    override settle(permit: number, marks: number, nowMs: number): void {
      if (this.phase === 'halfOpen') this.successes = this.policy.probes - 1;
      super.settle(permit, marks, nowMs);
    }
  },
};

test.each(Object.entries(planted))('the search finds a planted fault: %s', (_name, Faulty) => {
  const full = completePolicy({ ...times, ...policies['failures, over the last calls'] });
  expect(() => explore(new Faulty(full), depth)).toThrow(/after/);
});

/** All worlds that `depthMax` actions can reach, nearest first. */
function explore(start: BreakerState, depthMax: number): Set<string> {
  let worlds: World[] = [{ state: start, nowMs: 0, calls: [], history: [], probes: 0, path: '' }];
  const seen = new Set<string>();
  for (let reachedDepth = 0; reachedDepth < depthMax; reachedDepth++) {
    const next: World[] = [];
    for (const world of worlds) {
      for (const reached of successors(world)) {
        const key = keyOf(reached);
        if (seen.has(key)) continue;
        seen.add(key);
        check(reached);
        next.push(reached);
      }
    }
    worlds = next;
  }
  return seen;
}

function* successors(world: World): Iterable<World> {
  yield { ...world, nowMs: world.nowMs + 1, path: `${world.path} tick` };
  if (world.calls.length < callsAtOnce) yield start(world);
  for (const call of world.calls) {
    if (call.isLost) continue;
    for (const marks of [succeeded, failed, slow]) yield settle(world, call, marks);
    yield abandon(world, call);
    yield { ...without(world, call), calls: losing(world, call), path: `${world.path} lose${call.permit}` };
  }
}

const losing = (world: World, call: Call): Call[] => [
  ...world.calls.filter((other) => other !== call),
  { ...call, isLost: true },
];

const without = (world: World, call: Call): World => ({
  ...world,
  calls: world.calls.filter((other) => other !== call),
});

function start(world: World): World {
  const { nowMs } = world;
  const state = copy(world.state);
  const path = `${world.path} start`;
  const permit = state.enter(nowMs);
  assert(permit >= 0 && Number.isInteger(permit), 'a permit is a natural number', path);
  assert(world.state.phase !== 'closed' || permit > 0, 'closed lets all through', path);
  const isOpen = world.state.phase === 'open' && nowMs < world.state.untilMs;
  assert(!isOpen || permit === 0, 'open lets nobody through', path);
  const isProbe = permit > 0 && state.phase === 'halfOpen';
  const hasTurned = state.changes !== world.state.changes;
  const probes = (hasTurned ? 0 : world.probes) + Number(isProbe);
  const reached = { ...world, state, probes, history: hasTurned ? [] : world.history, path };
  if (permit === 0) return reached;
  const call = { permit, startMs: nowMs, isProbe, changes: state.changes, isLost: false };
  return { ...reached, calls: [...world.calls, call] };
}

function settle(world: World, call: Call, marks: number): World {
  const { nowMs } = world;
  const path = `${world.path} settle${call.permit}:${marks}`;
  const state = copy(world.state);
  state.settle(call.permit, marks, nowMs);
  if (isStale(world, call)) {
    assertUntouched(world, state, path);
    return { ...without(world, call), state, path };
  }
  const history = call.isProbe ? world.history : [...world.history, marks];
  if (!call.isProbe) assertVerdict(state, history, path);
  const hasClosed = state.phase === 'closed' && world.state.phase !== 'closed';
  return { ...without(world, call), state, history: hasClosed ? [] : history, path };
}

function abandon(world: World, call: Call): World {
  const path = `${world.path} abandon${call.permit}`;
  const state = copy(world.state);
  state.abandon(call.permit, world.nowMs);
  if (isStale(world, call)) assertUntouched(world, state, path);
  const probes = world.probes - Number(call.isProbe && !isStale(world, call));
  return { ...without(world, call), state, probes, path };
}

function isStale({ state, nowMs }: World, call: Call): boolean {
  const isExpired = call.isProbe && nowMs - call.startMs >= state.policy.probeMsMax;
  return isExpired || call.changes !== state.changes;
}

/** Nothing but time may have moved it. */
function assertUntouched(world: World, state: BreakerState, path: string): void {
  const control = copy(world.state);
  control.abandon(0, world.nowMs);
  assert(JSON.stringify(state) === JSON.stringify(control), 'what comes late changes nothing', path);
}

/** Closed calls, judged again from the model's own list. In these searches no call grows too old to count. */
function assertVerdict(state: BreakerState, history: readonly number[], path: string): void {
  const { window, policy } = state;
  const last = 'marks' in window ? history.slice(-window.marks.length) : history;
  const failures = last.filter((marks) => marks & failed).length;
  const slows = last.filter((marks) => marks & slow).length;
  const isFull = last.length >= policy.callsMin;
  const isOver =
    failures >= policy.tripFailures ||
    (isFull &&
      (failures / last.length >= policy.tripFailureRate || slows / last.length >= policy.tripSlowRate));
  assert((state.phase === 'open') === isOver, `opens when it must: ${last.join()}`, path);
}

function check(world: World): void {
  const { state, nowMs, calls, probes, path } = world;
  const { window, policy } = state;
  const fresh = calls.filter((call) => call.isProbe && nowMs - call.startMs < policy.probeMsMax);
  assert(fresh.length <= 1, 'one probe at a time', path);
  assert(probes <= policy.probes, 'no more probes than it takes', path);
  for (const count of [window.calls, window.failures, window.slows, window.calls - window.failures]) {
    assert(count >= 0, 'counts are never negative', path);
  }
  assert(
    state.openMs() >= policy.openMsMin && state.openMs() <= policy.openMsMax,
    'open time is bounded',
    path,
  );
  assertHeals(world);
}

/** Whatever happened, a dependency that is well again is used again after one open time and one lost probe. */
function assertHeals({ state, nowMs, path }: World): void {
  if (state.phase === 'closed') return;
  const healing = copy(state);
  const { openMsMax, probeMsMax, probes } = healing.policy;
  const healedMs = nowMs + openMsMax + probeMsMax;
  for (let success = 0; success < probes && (healing.phase as string) !== 'closed'; success++) {
    healing.settle(healing.enter(healedMs), succeeded, healedMs);
  }
  assert((healing.phase as string) === 'closed', 'it closes once the dependency is well', path);
}

function copy(state: BreakerState): BreakerState {
  const { window } = state;
  const copied = Object.assign(Object.create(Object.getPrototypeOf(state)) as BreakerState, state);
  const counts = 'marks' in window ? { marks: window.marks.slice() } : { counts: window.counts.slice() };
  return Object.assign(copied, { window: { ...window, ...counts } });
}

/** The world without its absolute times and permit numbers. */
function keyOf({ state, nowMs, calls, history, probes }: World): string {
  const since = (ms: number): number => (ms === -Infinity ? -99 : ms - nowMs);
  const isOut = state.phase !== 'closed';
  const times = isOut ? [state.untilMs, state.openedAtMs, state.lastFailureMs, state.firstSuccessMs] : [];
  const lives = calls.map((call) =>
    [
      call.permit === state.permit,
      call.isProbe,
      call.changes === state.changes,
      call.isLost,
      since(call.startMs),
    ]
      .map(Number)
      .join(':'),
  );
  return `${state.phase} ${[
    times.map(since).join(),
    [state.successes, probes, Math.round(state.repairMs * 8)].join(),
    [state.window.failures, state.window.slows, ...history.slice(-3)].join(),
    lives.sort().join(),
  ].join(' ')}`;
}

function assert(condition: boolean, promise: string, path: string): void {
  if (!condition) throw new Error(`${promise}; broken after${path}`);
}
