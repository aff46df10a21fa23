import { faultNames, World, type Bug, type FaultCounts } from './world.ts';

export interface Schedules {
  readonly seed: number;
  readonly schedules: number;
  readonly bug?: Bug;
}

export interface Ran {
  readonly schedules: number;
  readonly faults: FaultCounts;
  /** What was wrong, with the seed that shows it again; some of it. */
  readonly wrongs: readonly string[];
  readonly wrongSchedules: number;
}

const stepsMin = 30;
const stepsMax = 150;
const wrongsMax = 10;

/** Runs so many histories, each of its own seed; with a bug no more than until it is found. */
export function runSchedules({ seed, schedules, bug }: Schedules): Ran {
  const faults = Object.fromEntries(faultNames.map((name) => [name, 0])) as FaultCounts;
  const wrongs: string[] = [];
  let wrongSchedules = 0;
  for (let index = 0; index < schedules; index++) {
    if (bug && wrongSchedules > 0) break;
    const found = runSchedule(seed + index, faults, bug);
    if (found.length > 0) wrongSchedules++;
    if (wrongs.length < wrongsMax) wrongs.push(...found.map((wrong) => `seed ${seed + index}: ${wrong}`));
  }
  return { schedules, faults, wrongs: wrongs.slice(0, wrongsMax), wrongSchedules };
}

function runSchedule(seed: number, faults: FaultCounts, bug: Bug): string[] {
  const random = randomOf(seed);
  const world = new World(random, faults, bug);
  const steps = stepsMin + Math.floor(random() * (stepsMax - stepsMin));
  for (let step = 0; step < steps; step++) world.step();
  return world.settle();
}

/** The same numbers from 0 to 1 for the same seed (splitmix32). */
function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
