import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Coord, Lease, Member } from './types.ts';

/** What an adapter brings to be tested: a real engine that can be taken away, and processes on it. */
export interface CoordFixture extends AsyncDisposable {
  open(processId: string): Promise<Coord & AsyncDisposable>;
  /** A process that joins `group` as `processId` and holds a lease, ended by SIGKILL. */
  startOwner(owner: { processId: string; group: string; job: string; partition: number }): Promise<Killable>;
  /** A coord whose connections can go dead without either side being told. */
  openBehindWire(processId: string): Promise<{ coord: Coord & AsyncDisposable; cut: () => void }>;
  stopEngine(): Promise<void>;
  startEngine(): Promise<void>;
}

export interface Killable {
  kill(): void;
  /** SIGSTOP and SIGCONT: a process that hears nothing for a while. */
  pause(): void;
  resume(): void;
}

const ttlMs = 3000;

/** Goal: the same promises from every engine. Method: several processes' coords over one real engine. */
export function coordContract(name: string, start: () => Promise<CoordFixture>): void {
  describe(`coord contract: ${name}`, () => {
    let fixture: CoordFixture;
    let opened: AsyncDisposable[] = [];
    let serial = 0;

    const open = async (): Promise<Coord & AsyncDisposable> => {
      const coord = await fixture.open(`process-${++serial}`);
      opened.push(coord);
      return coord;
    };

    beforeAll(async () => {
      fixture = await start();
    }, 60_000);
    afterAll(async () => {
      await fixture[Symbol.asyncDispose]();
    });
    const closing = async (): Promise<void> => {
      await Promise.all(opened.map((coord) => coord[Symbol.asyncDispose]()));
      opened = [];
    };

    memberTests({ open, closing, fixture: () => fixture });
    leaseTests({ open, closing, fixture: () => fixture });
    recordTests({ open, closing, fixture: () => fixture });
    outageTests({ open, closing, fixture: () => fixture });
  });
}

interface Tools {
  readonly open: () => Promise<Coord & AsyncDisposable>;
  readonly closing: () => Promise<void>;
  readonly fixture: () => CoordFixture;
}

const ids = (members: readonly Member[]): string[] => members.map(({ id }) => id).toSorted();
const soon = { timeout: 10_000, interval: 10 };
/** Until another has what a dead process held. */
const takeoverMsMax = 4000;

function memberTests({ open, closing }: Tools): void {
  test('a member is seen by all with its data, and gone when it leaves', async () => {
    const [one, two] = [await open(), await open()];
    const view = await two.members('edges');
    const seen: string[][] = [];
    view.onChange((members) => seen.push(ids(members)));
    const membership = await one.join('edges', { id: 'edge-1', data: { address: '10.0.0.1:80' } });
    await vi.waitFor(
      () => expect(view.list()).toEqual([{ id: 'edge-1', data: { address: '10.0.0.1:80' } }]),
      soon,
    );
    await membership[Symbol.asyncDispose]();
    await vi.waitFor(() => expect(view.list()).toEqual([]), soon);
    expect(seen).toEqual([['edge-1'], []]);
    await closing();
  });

  test('a coord that closes takes its members with it, and groups are apart', async () => {
    const [one, two] = [await open(), await open()];
    await one.join('signals', { id: 'a', data: {} });
    await two.join('signals', { id: 'b', data: {} });
    await two.join('others', { id: 'c', data: {} });
    const view = await two.members('signals');
    expect(ids(view.list())).toEqual(['a', 'b']);
    await one[Symbol.asyncDispose]();
    await vi.waitFor(() => expect(ids(view.list())).toEqual(['b']), soon);
    await closing();
  });

  test('member data and records above their bounds are refused', async () => {
    const coord = await open();
    const large = { id: 'x', data: { blob: 'x'.repeat(4096) } };
    await expect(coord.join('edges', large)).rejects.toMatchObject({ code: 'MEMBER_TOO_LARGE' });
    const record = coord.cas('large', 0, 'x'.repeat(256 * 1024));
    await expect(record).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' });
    await closing();
  });
}

function leaseTests({ open, closing, fixture }: Tools): void {
  test('of eight contenders one holds at a time, with a fence that only grows', async () => {
    const coords = await Promise.all(Array.from({ length: 8 }, open));
    let holders = 0;
    let holdersMax = 0;
    const fences: number[] = [];
    const contend = async (coord: Coord): Promise<void> => {
      const lease = await coord.lease('exclusive', 3);
      holdersMax = Math.max(holdersMax, ++holders);
      fences.push(lease.fence);
      await elapse(5);
      holders--;
      await lease[Symbol.asyncDispose]();
      expect(lease.signal.aborted).toBe(true);
    };
    await Promise.all(coords.map(contend));
    expect(holdersMax).toBe(1);
    expect(fences).toHaveLength(8);
    expect(fences).toEqual([...new Set(fences)].toSorted((a, b) => a - b));
    await closing();
  });

  test('one process may hold many partitions; a wait can be given up', async () => {
    const coord = await open();
    const leases = await Promise.all(Array.from({ length: 64 }, (_, index) => coord.lease('many', index)));
    expect(leases.map(({ partition }) => partition)).toEqual([...Array(64).keys()]);
    const giveUp = new AbortController();
    const waiting = coord.lease('many', 0, giveUp.signal);
    giveUp.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await closing();
    expect(leases.every(({ signal }) => signal.aborted)).toBe(true);
  });

  test(
    'a killed or cut off owner is replaced within 4 s, one that lives never',
    { timeout: 60_000 },
    async () => {
      const [coord, holder] = [await open(), await open()];
      const view = await coord.members('killed');
      const keptSinceMs = performance.now();
      const kept = await holder.lease('kept', 0);
      const giveUp = new AbortController();
      const rival = coord.lease('kept', 0, giveUp.signal);
      const refused = expect(rival).rejects.toMatchObject({ name: 'AbortError' });
      const owner = await fixture().startOwner({
        processId: 'victim',
        group: 'killed',
        job: 'killed',
        partition: 1,
      });
      await vi.waitFor(() => expect(ids(view.list())).toEqual(['victim']), soon);
      const successor = coord.lease('killed', 1);
      const lonely = await fixture().openBehindWire('lonely');
      const lost = await lonely.coord.lease('lonely', 0);
      const heir = coord.lease('lonely', 0).then(({ fence }) => ({ fence, gaveUp: lost.signal.aborted }));
      lonely.cut();
      // Loops that are late on a busy machine delay each of the few steps that a takeover takes.
      using lateness = monitorEventLoopDelay({ resolution: 10 });
      lateness.enable();
      const killedMs = performance.now();
      owner.kill();
      const lease = await successor;
      const lateMs = lateness.max / 1e6;
      expect(performance.now() - killedMs).toBeLessThan(takeoverMsMax + 4 * lateMs);
      expect(lease.fence).toBe(2);
      expect(await heir).toEqual({ fence: 2, gaveUp: true });
      await vi.waitFor(() => expect(view.list()).toEqual([]), soon);

      await elapse(ttlMs + 500 - (performance.now() - keptSinceMs));
      expect(kept.signal.aborted).toBe(false);
      giveUp.abort();
      await refused;
      await lonely.coord[Symbol.asyncDispose]();
      await closing();
    },
  );
}

function recordTests({ open, closing }: Tools): void {
  test('records change by compare-and-set only, versions count from 1', async () => {
    const coord = await open();
    expect(await coord.get('settings')).toBeUndefined();
    expect(await coord.cas('settings', 1, { level: 0 })).toBeUndefined();
    expect(await coord.cas('settings', 0, { level: 1 })).toEqual({ value: { level: 1 }, version: 1 });
    expect(await coord.cas('settings', 0, { level: 2 })).toBeUndefined();
    expect(await coord.cas('settings', 1, { level: 3 })).toEqual({ value: { level: 3 }, version: 2 });
    expect(await coord.get('settings')).toEqual({ value: { level: 3 }, version: 2 });
    await closing();
  });

  test('of racing writers each version is won by one', async () => {
    const coords = await Promise.all(Array.from({ length: 6 }, open));
    const increment = async (coord: Coord): Promise<void> => {
      for (let done = 0; done < 10;) {
        const record = await coord.get<number>('counter');
        if (await coord.cas('counter', record?.version ?? 0, (record?.value ?? 0) + 1)) done++;
      }
    };
    await Promise.all(coords.map(increment));
    expect(await coords[0].get('counter')).toEqual({ value: 60, version: 60 });
    await closing();
  });

  test('a watch ends at the last value and never goes back', async () => {
    const [writer, reader] = [await open(), await open()];
    const view = await reader.watch<number>('watched');
    expect(view.current()).toBeUndefined();
    const versions: number[] = [];
    view.onChange((record) => versions.push(record?.version ?? 0));
    for (let version = 0; version < 50; version++) await writer.cas('watched', version, version);
    await vi.waitFor(() => expect(view.current()).toEqual({ value: 49, version: 50 }), soon);
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    await view[Symbol.asyncDispose]();
    await closing();
  });
}

function outageTests({ open, closing, fixture }: Tools): void {
  test('while the engine is away views stay and leases end', { timeout: 60_000 }, async () => {
    const [holder, other] = [await open(), await open()];
    const view = await other.members('outage');
    const watched = await other.watch<string>('outage');
    await holder.join('outage', { id: 'a', data: {} });
    await other.cas('outage', 0, 'kept');
    await vi.waitFor(() => expect(ids(view.list())).toEqual(['a']), soon);
    await vi.waitFor(() => expect(watched.current()?.value).toBe('kept'), soon);
    const lease = await holder.lease('outage', 0);

    await fixture().stopEngine();
    const stoppedMs = performance.now();
    await aborted(lease);
    expect(performance.now() - stoppedMs).toBeLessThan(ttlMs);
    await expect(other.get('outage')).rejects.toMatchObject({ code: 'COORD_UNAVAILABLE' });
    const waiting = holder.lease('outage', 0);
    expect(ids(view.list())).toEqual(['a']);
    expect(watched.current()).toEqual({ value: 'kept', version: 1 });

    await fixture().startEngine();
    expect((await waiting).fence).toBe(lease.fence + 1);
    await other.cas('outage', 1, 'changed');
    await vi.waitFor(() => expect(watched.current()?.value).toBe('changed'), soon);
    await closing();
  });

  test('after the engine returns nobody is declared dead for one TTL', { timeout: 60_000 }, async () => {
    const coord = await open();
    const view = await coord.members('grace');
    const owner = await fixture().startOwner({
      processId: 'late',
      group: 'grace',
      job: 'grace',
      partition: 0,
    });
    await vi.waitFor(() => expect(ids(view.list())).toEqual(['late']), soon);
    const seen: string[][] = [];
    view.onChange((members) => seen.push(ids(members)));
    const contender = coord.lease('grace', 0);

    owner.pause();
    await fixture().stopEngine();
    await elapse(ttlMs + 200);
    await fixture().startEngine();
    const returnedMs = performance.now();
    await elapse(ttlMs / 2);
    expect(ids(view.list())).toEqual(['late']);
    owner.resume();
    const lease = await contender;
    expect(performance.now() - returnedMs).toBeGreaterThan(ttlMs - 200);
    expect(lease.fence).toBe(2);
    expect(seen).toEqual([]);
    owner.kill();
    await closing();
  });
}

/** Time itself is the condition here: what must not happen is given the time to happen. */
function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function aborted({ signal }: Lease): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
