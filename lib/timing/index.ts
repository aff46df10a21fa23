export { Backoff, type BackoffOptions } from './backoff.ts';
export { LoopDelay } from './loop-delay.ts';
export { Ticker, type TickerOptions } from './ticker.ts';
export { abortable, within } from './within.ts';
export { timingErrors, waitUntil, type WaitOptions } from './wait-until.ts';
