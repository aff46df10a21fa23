import type { SignalClass, Tier } from '@gala/protocol/signals';

/** Classes of which not everything is shown; control and money always are. */
export type SheddableClass = Exclude<SignalClass, 'control' | 'money'>;

export interface MergeLimits {
  /** Lines a second of each class that a client of a tier is shown, and at most so many at once after silence. */
  readonly linesPerSecond: Readonly<Record<Tier, Readonly<Record<SheddableClass, number>>>>;
  /** Lines of one tick that are kept to choose from, control and money aside; what comes above is shed in all tiers. */
  readonly linesPerTickMax: number;
  /** How long it counts against an author that a line of his was chosen before another's. */
  readonly fairForMs: number;
}

/** A host talks without limit as far as people talk; 200 lines a second are a runaway program. */
export const defaultMergeLimits: MergeLimits = {
  linesPerSecond: {
    full: { host: 200, member: 100, system: 50, ambient: 40 },
    reduced: { host: 200, member: 40, system: 20, ambient: 20 },
    minimal: { host: 200, member: 0, system: 5, ambient: 0 },
    control: { host: 0, member: 0, system: 0, ambient: 0 },
  },
  linesPerTickMax: 1000,
  fairForMs: 2000,
};
