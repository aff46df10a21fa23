import type { Secrets } from '@gala/lib/lifecycle';
import type { RoleName } from '../placement.ts';

/** Where a process finds its databases. URLs carry passwords: they travel over IPC, never in arguments or logs. */
export interface DatabaseUrls {
  readonly core: string;
  readonly shards: readonly string[];
}

/** What the supervisor tells a process, once, before anything else. */
export interface StartMessage {
  readonly type: 'start';
  readonly name: string;
  readonly roles: readonly RoleName[];
  readonly dataFolder: string;
  readonly databases: DatabaseUrls;
  readonly secrets: Secrets;
  /** Both HTTP listeners are one. */
  readonly singleListener: boolean;
  readonly isPublic: boolean;
}

export type ToProcess = StartMessage | { readonly type: 'stop' } | { readonly type: 'metrics'; readonly id: number };

export type FromProcess =
  | { readonly type: 'ready'; readonly addresses: Readonly<Record<string, string>> }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'metrics'; readonly id: number; readonly metrics: object[] };
