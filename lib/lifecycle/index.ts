export type { Context, ListenerName, Role, RunningRole, Secrets } from './context.ts';
export type { NativeChild, NativeChildName } from './native-child.ts';
export { Backoff, type BackoffOptions } from './backoff.ts';
export { closeAll, type Closable, type CloseOptions } from './close-all.ts';
export { forcedExitCode, onSignals, type SignalOptions } from './signals.ts';
export { Ticker, type TickerOptions } from './ticker.ts';
export { lifecycleErrors, waitUntil, type WaitOptions } from './wait-until.ts';
