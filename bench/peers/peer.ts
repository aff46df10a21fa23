/** What a bench needs to know of any server it measures. */

/** Where the publisher sends: `rtmp://127.0.0.1:<port>/<app>` with `key` as stream name. */
export interface PublishTarget {
  readonly port: number;
  readonly app: string;
  readonly key: string;
}

/** What viewers ask for on 127.0.0.1. */
export type PlayTarget =
  | { readonly protocol: 'http-flv'; readonly port: number; readonly path: string; readonly tls: boolean }
  | { readonly protocol: 'rtmp'; readonly port: number; readonly app: string; readonly stream: string };

/** A started server. `pid` is the root of the process tree whose CPU and memory count. */
export interface RunningPeer {
  readonly pid: number;
  /** Absent when the server makes the stream itself (the C send loop). */
  readonly publish?: PublishTarget;
  readonly play: PlayTarget;
  /** Gala's data folder, for benches that reach its database. */
  readonly dataFolder?: string;
  /** Ends the server's whole tree and removes its temporary folder. */
  stop(): Promise<void>;
}

/** A server that can be started afresh for each run. */
export interface Peer {
  readonly name: string;
  /** Version and settings that matter for the figures, socket options above all. */
  readonly conditions: string;
  start(): Promise<RunningPeer>;
}
