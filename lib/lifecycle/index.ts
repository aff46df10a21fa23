export type { Context, ListenerName, Role, RunningRole, Secrets } from './context.ts';
export type { NativeChild, NativeChildName } from './native-child.ts';
export { closeAll, type Closable, type CloseOptions } from './close-all.ts';
export { forcedExitCode, onSignals, type SignalOptions } from './signals.ts';
export { Backoff, Ticker, type BackoffOptions, type TickerOptions } from '../timing/index.ts';
export { lifecycleErrors, waitUntil, type WaitOptions } from './wait-until.ts';
