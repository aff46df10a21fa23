/** What a bench needs to know of any server that brings what is said in a room to many. */

/** How a load client talks to one path of a server (`bench/load/ws.h`). */
export interface SocketTarget {
  readonly port: number;
  readonly path: string;
  readonly tls?: boolean;
  readonly subprotocol?: string;
  /** Offers permessage-deflate. */
  readonly deflate?: boolean;
  /** A file with a line for each connection to say first. */
  readonly hellos?: string;
}

/** What viewers open. */
export interface ViewTarget extends SocketTarget {
  /** Answers the packets of Engine.IO. */
  readonly socketIo?: boolean;
}

/** What those open who say something. */
export interface OfferTarget extends SocketTarget {
  /** What is sent, with `{message}` and perhaps `{id}` in it. */
  readonly template: string;
  /** A sender may begin when it got a message with this text. */
  readonly ready?: string;
  /** What answers hold that are to be counted. */
  readonly accepted?: string;
  readonly refused?: string;
}

/** A started server. `pid` is the root of the process tree whose CPU and memory count. */
export interface RunningRoom {
  readonly pid: number;
  readonly view: ViewTarget;
  readonly offer: OfferTarget;
  stop(): Promise<void>;
}

/** A server that can be started afresh for each run. */
export interface RoomPeer {
  readonly name: string;
  /** Version and settings that matter for the figures. */
  readonly conditions: string;
  start(): Promise<RunningRoom>;
}
