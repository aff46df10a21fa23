export type { Context, ListenerName, Role, RunningRole, Secrets } from './context.ts';
export type { NativeChild, NativeChildName } from './native-child.ts';
export * from '../timing/index.ts';
export { closeAll, type Closable, type CloseOptions } from './close-all.ts';
export { forcedExitCode, onSignals, type SignalOptions } from './signals.ts';
