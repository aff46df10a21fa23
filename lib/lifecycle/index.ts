export type { Context, ListenerName, Role, RunningRole, Secrets } from './context.ts';
