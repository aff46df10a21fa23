import type { Secrets } from '@gala/lib/lifecycle';
import type { RoleName } from '../placement.ts';

/** Where a process finds its databases. URLs carry passwords: they travel over IPC, never in arguments or logs. */
export interface DatabaseUrls {
  readonly core: string;
  readonly shards: readonly string[];
  readonly archives: readonly string[];
}

/** What the supervisor tells a process, once, before anything else. */
export interface StartMessage {
  readonly type: 'start';
  readonly name: string;
  /** Place in the placement table, from 0. */
  readonly ordinal: number;
  readonly roles: readonly RoleName[];
  readonly dataFolder: string;
  readonly databases: DatabaseUrls;
  readonly secrets: Secrets;
  /** Both HTTP listeners are one. */
  readonly singleListener: boolean;
  readonly isPublic: boolean;
}

/** What the supervisor tells the demo's process. */
export interface DemoStartMessage {
  readonly type: 'start';
  readonly name: 'demo';
  readonly roles: readonly [];
  readonly hostName: string;
  /** Where it asks whether somebody watches. */
  readonly adminUrl: string;
  readonly rtmpUrl: string;
  readonly streamKey: string;
  readonly width: number;
  readonly height: number;
}

export type ToProcess =
  | StartMessage
  | DemoStartMessage
  | { readonly type: 'stop' }
  | { readonly type: 'metrics'; readonly id: number };

export type FromProcess =
  | { readonly type: 'ready'; readonly addresses: Readonly<Record<string, string>> }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'metrics'; readonly id: number; readonly metrics: object[] };
