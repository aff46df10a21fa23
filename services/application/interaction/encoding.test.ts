import { expect, test } from 'vitest';
import { decodeSignals, signalClasses, type Signal, type Tier } from '@gala/protocol/signals';
import { encodeTick } from './encoding.ts';
import type { TierTick } from './types.ts';

const header = { roomId: 1, epoch: 5, from: 10, to: 14, atMs: 1000, stateVersion: 7, durable: 9 };
const notice = (offset: number, signalClass: Signal['class'], filter?: Signal['filter']): Signal => ({
  type: 'notice',
  class: signalClass,
  offset,
  atMs: 990,
  signalId: '',
  name: `n${offset}`,
  data: null,
  ...(filter && { filter }),
});
const [control, member, ambient] = [notice(10, 'control'), notice(11, 'member'), notice(12, 'ambient')];
const tick = (tier: Tier, signals: readonly Signal[]): TierTick => ({ tier, counts: [], signals });

function sectionsOf(ticks: readonly TierTick[]) {
  const { wire } = encodeTick(header, ticks, []);
  return wire.sections!.map((section) => ({
    tiers: section.tiers,
    names: decodeSignals(
      { class: signalClasses[section.class!], items: section.items!, payload: section.payload! },
      header,
    ).map((signal) => (signal as { name: string }).name),
  }));
}

test('tiers with the same signals of a class share its section', () => {
  const full = [control, member, ambient];
  const sections = sectionsOf([
    tick('full', full),
    tick('reduced', full),
    tick('minimal', [control, member]),
    tick('control', [control]),
  ]);
  expect(sections).toEqual([
    { tiers: 0b1111, names: ['n10'] },
    { tiers: 0b0111, names: ['n11'] },
    { tiers: 0b0011, names: ['n12'] },
  ]);
});

test('what is for some kinds of clients has a section of its own', () => {
  const filter = { platforms: ['ios'], versionMin: 0, capability: '' };
  const { wire } = encodeTick(header, [tick('full', [member, notice(13, 'member', filter)])], []);
  expect(wire.sections!.map((section) => section.filter?.platforms)).toEqual([undefined, ['ios']]);
});
