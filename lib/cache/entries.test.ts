import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Entries, type Entry } from './entries.ts';

function entryOf(key: number, bytes: number): Entry<number, number> {
  const times = { loadedAtMs: 0, freshUntilMs: 0, refreshAtMs: 0, dueAtMs: 0, epoch: 0 };
  const flags = { reads: 0, isRead: false, isPinned: false, newer: undefined, older: undefined };
  return { key, value: key, version: 0, answer: Promise.resolve(key), bytes, ...times, ...flags };
}

type Step = { kind: 'add' | 'read' | 'delete' | 'pin' | 'resize'; key: number; bytes: number };
const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('add', 'read', 'delete', 'pin', 'resize'),
    key: fc.nat(12),
    bytes: fc.integer({ min: 1, max: 30 }),
  }),
  { maxLength: 200 },
);

test('whatever is done, the bounds hold, pinned entries stay and the bytes add up', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const entries = new Entries<number, number>({
        countMax: 6,
        bytesMax: 100,
        onEviction: () => undefined,
      });
      const pinned = new Set<number>();
      for (const { kind, key, bytes } of history) {
        const entry = entries.get(key);
        if (kind === 'add' && !entry) entries.add(entryOf(key, bytes));
        if (kind === 'read' && entry) entry.isRead = true;
        if (kind === 'resize' && entry && !entry.isPinned) entries.resize(entry, bytes);
        if (kind === 'pin' && entry && pinned.size < 2) entry.isPinned = pinned.add(key).has(key);
        if (kind === 'delete' && entries.delete(key)) pinned.delete(key);
        const kept = [...entries.values()];
        expect(kept.length).toBeLessThanOrEqual(6);
        expect(entries.bytes).toBe(kept.reduce((sum, { bytes: each }) => sum + each, 0));
        expect(entries.bytes).toBeLessThanOrEqual(100);
        for (const each of pinned) expect(entries.get(each)).toBeDefined();
      }
    }),
  );
});

test('a pass over many keys leaves those that are read again', () => {
  let evictions = 0;
  const entries = new Entries<number, number>({
    countMax: 100,
    bytesMax: Infinity,
    onEviction: () => void evictions++,
  });
  for (let key = 0; key < 50; key++) {
    entries.add(entryOf(key, 1));
    entries.get(key)!.isRead = true;
  }
  for (let key = 1000; key < 1100; key++) entries.add(entryOf(key, 1));
  const kept = Array.from({ length: 50 }, (_, key) => entries.get(key)).filter(Boolean);
  expect([kept.length, evictions]).toEqual([50, 50]);
});
