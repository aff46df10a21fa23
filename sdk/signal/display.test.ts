import type { Batch, CommentSignal, Signal, SignalClass } from '@gala/protocol/signals';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Accounts } from './accounts.ts';
import { LineCap } from './line-cap.ts';
import { Overlay } from './overlay.ts';

let lastOffset = 0;

function comment(fields: Partial<CommentSignal> & { readonly by?: number } = {}): CommentSignal {
  const offset = ++lastOffset;
  const { by = offset, ...rest } = fields;
  const author = { userId: by, name: `viewer${by}`, role: 'viewer' } as const;
  const common = { class: 'member', offset, atMs: 0, signalId: `s${offset}` } as const;
  return { type: 'comment', ...common, author, text: 'hi', count: 1, ...rest };
}

const like = (): Signal => ({ ...comment(), type: 'like', class: 'ambient', count: 3 });
const many = (count: number, make: (index: number) => Signal): Signal[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe('the cap of lines', () => {
  test('shows so many in any second, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(400), fc.nat(30)), { maxLength: 40 }), (arrivals) => {
        const cap = new LineCap({ linesPerSecondMax: 20 });
        const shown: number[] = [];
        let nowMs = 0;
        for (const [waitMs, lines] of arrivals) {
          nowMs += waitMs;
          for (const _ of cap.pick(
            many(lines, () => comment()),
            nowMs,
          ))
            shown.push(nowMs);
        }
        for (const atMs of shown) {
          expect(shown.filter((other) => other > atMs - 1000 && other <= atMs).length).toBeLessThanOrEqual(
            20,
          );
        }
      }),
    );
  });

  test('fills by class, and leaves room for those above', () => {
    const cap = new LineCap({ linesPerSecondMax: 20 });
    const of = (name: SignalClass, count: number): Signal[] => many(count, () => comment({ class: name }));
    const countOf = (signals: readonly Signal[], name: SignalClass): number =>
      signals.filter((signal) => signal.class === name).length;
    const first = cap.pick([...of('ambient', 30), ...of('member', 5)], 0);
    expect([countOf(first, 'ambient'), countOf(first, 'member')]).toEqual([5, 5]);
    const second = cap.pick([...of('member', 30), ...of('host', 1), ...of('money', 25)], 100);
    expect([countOf(second, 'money'), countOf(second, 'host'), countOf(second, 'member')]).toEqual([
      25, 0, 0,
    ]);
    expect(cap.pick(of('host', 30), 1200)).toHaveLength(20);
  });

  test('shows everybody before anybody twice, in the order of offsets', () => {
    const cap = new LineCap({ linesPerSecondMax: 20 });
    const flood = many(100, () => comment({ by: 1 }));
    const others = many(10, (index) => comment({ by: 100 + index }));
    const shown = cap.pick([...flood, ...others], 0);
    expect(others.every((each) => shown.includes(each))).toBe(true);
    expect(shown).toHaveLength(18);
    expect(shown.map(({ offset }) => offset)).toEqual(
      shown.map(({ offset }) => offset).toSorted((a, b) => a - b),
    );
    // The one who had many lines comes after those who had one.
    const later = cap.pick(
      [...many(20, () => comment({ by: 1 })), ...many(18, (at) => comment({ by: 200 + at }))],
      1500,
    );
    expect(later.some((each) => 'author' in each && each.author.userId === 1)).toBe(false);
  });

  test('lets one see oneself, and what is no line', () => {
    const own = comment({ by: 42 });
    const cap = new LineCap({
      linesPerSecondMax: 5,
      isOwn: (signal) => 'author' in signal && signal.author.userId === 42,
    });
    cap.pick(
      many(20, () => comment()),
      0,
    );
    const tap = like();
    expect(cap.pick([comment(), own, tap], 10)).toEqual([own, tap]);
  });
});

describe('what is drawn over the picture', () => {
  test('waits for its place, in order', () => {
    const overlay = new Overlay();
    const [now, late, soon, sooner, none] = [1000, 0, 3000, 2000, undefined].map((mediaMs) =>
      comment(mediaMs === undefined ? {} : { mediaMs }),
    );
    expect(overlay.add([now, late, soon, sooner, none], 1500)).toEqual([now, late, none]);
    expect(overlay.due(1999)).toEqual([]);
    expect(overlay.due(3000)).toEqual([sooner, soon]);
    expect(overlay.isEmpty).toBe(true);
  });

  test('comes at the same picture for those who are behind by different times', () => {
    const overlays = [1000, 5000].map((latencyMs) => ({ latencyMs, overlay: new Overlay() }));
    const signal = comment({ mediaMs: 60_000 });
    const seenAt = overlays.map(({ latencyMs, overlay }) => {
      // It was said at 61 s by one who is 1 s behind, and comes 100 ms later.
      if (overlay.add([signal], 61_100 - latencyMs).length > 0) return 61_100 - latencyMs;
      for (let nowMs = 61_100; ; nowMs += 50) {
        if (overlay.due(nowMs - latencyMs).length > 0) return nowMs - latencyMs;
      }
    });
    expect(seenAt).toEqual([60_100, 60_000]);
  });

  test('leaves out what is too late, too far ahead, too much, or taken back', () => {
    const overlay = new Overlay();
    expect(overlay.add([comment({ mediaMs: 0 }), comment({ mediaMs: 90_000 })], 6000)).toEqual([]);
    expect(overlay.counters).toMatchObject({ late: 1, ahead: 1 });
    const waiting = many(600, () => comment({ mediaMs: 7000 }));
    overlay.add(waiting, 6000);
    expect(overlay.counters.overflows).toBe(100);
    overlay.remove(({ signalId }) => signalId === waiting[0].signalId);
    expect(overlay.due(7000)).toHaveLength(499);
    overlay.add([comment({ mediaMs: 8000 })], 7000);
    expect(overlay.due(20_000)).toEqual([]);
    overlay.add([comment({ mediaMs: 30_000 })], 20_000);
    expect(overlay.due(undefined)).toHaveLength(1);
  });
});

test('everything that was offered stands somewhere, exactly', () => {
  const accounts = new Accounts();
  const signals = [comment(), comment(), like()];
  const counts = [
    { class: 'member', offered: 9, merged: 4, shed: 2 },
    { class: 'system', offered: 3, merged: 0, shed: 3 },
  ] as const;
  const header = { epoch: 1, from: 1, to: 9, atMs: 0, stateVersion: 0, durable: 0, tier: 'full' } as const;
  const batch: Batch = { ...header, counts, signals, state: [] };
  accounts.add(batch, signals.slice(1));
  accounts.addAlone([comment({ class: 'money' })], []);
  expect(accounts.counts).toMatchObject({
    member: { offered: 9, shown: 1, merged: 4, shed: 2, capped: 1, passed: 1 },
    system: { offered: 3, shown: 0, merged: 0, shed: 3, capped: 0, passed: 0 },
    ambient: { offered: 1, shown: 1, merged: 0, shed: 0, capped: 0, passed: 0 },
    money: { offered: 1, shown: 0, capped: 1 },
  });
});
