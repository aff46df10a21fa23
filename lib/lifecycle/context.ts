import type { Breakers } from '../breaker/index.ts';
import type { Caches } from '../cache/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Collections } from '../collections/index.ts';
import type { Settings } from '../config/index.ts';
import type { Coord } from '../coord/index.ts';
import type { EventLog } from '../eventlog/types.ts';
import type { HttpListener } from '../http/index.ts';
import type { Jobs } from '../jobs/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Rpc } from '../rpc/index.ts';
import type { Sql } from '../sql/index.ts';
import type { Tracer } from '../trace/index.ts';
import type { NativeChild, NativeChildName } from './native-child.ts';

/**
 * The listeners a process may have; with `--one` `web` and `live` are the same listener. `internal` is for other
 * processes of the installation, at a port of its own; who mounts there asks for the cluster token.
 */
export type ListenerName = 'web' | 'live' | 'admin' | 'internal';

/** What a role is given by the process that runs it. Nothing else is global. */
export interface Context {
  /** Unique per process start, for members and leases: `media-3f9a`. */
  readonly processId: string;
  /** Name in the placement table: `media`, `front`. */
  readonly processName: string;
  /** Absolute path of the data folder of the installation, or of this machine's part of it. */
  readonly dataFolder: string;
  /** Checked static settings; each service reads its own section in its `config.ts`. */
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly rpc: Rpc;
  readonly sql: Sql;
  readonly coord: Coord;
  /** Work that outlives a process; this one takes what its roles have handlers for. */
  readonly jobs: Jobs;
  /** Shared data that may be lost, and messages between processes; of this process alone with the engine `memory`. */
  readonly collections: Collections;
  /** Opens a cache on the levels of this installation. */
  readonly caches: Caches;
  /** Ordered, durable, replayable records between services; costs nothing before its first use. */
  readonly eventlog: EventLog;
  readonly breakers: Breakers;
  readonly tracer: Tracer;
  /** Host under which other processes of the installation reach the `internal` listener. */
  readonly advertiseHost: string;
  /** Listens on first use; a taken port is the coded error PORT_TAKEN. */
  listener(name: ListenerName): Promise<HttpListener>;
  /** Starts a child process, of lower priority; what it dies of is its `exit` and `error`. */
  spawn(name: NativeChildName): NativeChild;
}

/** Secrets of one installation, from the data folder or `*_FILE` settings. Never logged. */
export interface Secrets {
  /** Bearer token of the first operator (`admin.token`). */
  readonly operatorToken: string;
  /** Shared by all processes of an installation; authenticates their calls to each other. */
  readonly clusterToken: string;
}

/** A role of a service: started once by its process, closed once, in reverse order. */
export interface Role {
  readonly name: string;
  start(context: Context): Promise<RunningRole>;
}

export interface RunningRole extends AsyncDisposable {
  /** Public addresses beyond the HTTP listeners, by name: `{ rtmp: 'rtmp://localhost:1935/live' }`. */
  readonly addresses?: Readonly<Record<string, string>>;
}
