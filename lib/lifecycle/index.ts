export type { Context, ListenerName, Role, Secrets } from './context.ts';
