/** What is done about the ticks that nobody was there to make. */
export type MisfirePolicy =
  /** They are not made up for. */
  | 'ignore'
  /** One tick, the newest, stands for all of them. */
  | 'once'
  /** The newest so many are made, one after the other. */
  | { readonly catchUp: number };

/** What is done about the ticks that come due while one is still under way: never two at a time. */
export type OverrunPolicy =
  | 'skip'
  /** The newest so many come after it. */
  | { readonly queue: number };

/** The times of a partition's ticks: number × interval since 1970, and a part of the interval by partition. */
export interface TickTimes {
  readonly intervalMs: number;
  readonly phaseMs: number;
}

/** Partitions tick one after the other over the interval, so that a worker's load is even. */
export function tickTimes(intervalMs: number, partition: number, of: number): TickTimes {
  return { intervalMs, phaseMs: Math.floor((intervalMs * partition) / of) };
}

export function dueAtMs({ intervalMs, phaseMs }: TickTimes, tick: number): number {
  return tick * intervalMs + phaseMs;
}

/** The newest tick that is due. */
export function dueTick({ intervalMs, phaseMs }: TickTimes, nowMs: number): number {
  return Math.floor((nowMs - phaseMs) / intervalMs);
}

/** Where a worker begins that has come to a partition of which `done` is the last tick made. */
export function firstTick(done: number, due: number, policy: MisfirePolicy): number {
  if (due <= done) return done + 1;
  if (policy === 'ignore') return due + 1;
  return newest(done, due, policy === 'once' ? 1 : policy.catchUp);
}

/** The tick after `ran`, at the end of which `due` is the newest that is due. */
export function nextTick(ran: number, due: number, policy: OverrunPolicy): number {
  return due <= ran ? ran + 1 : newest(ran, due, policy === 'skip' ? 0 : policy.queue);
}

function newest(done: number, due: number, count: number): number {
  return Math.max(done + 1, due - count + 1);
}
