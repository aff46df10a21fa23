export { Breaker, type BreakerChange, type BreakerOptions, type RunOptions } from './breaker.ts';
export { Breakers, type BreakersOptions } from './breakers.ts';
export { breakerErrors } from './errors.ts';
export type { BreakerPhase, BreakerPolicy } from './state.ts';
