import type { Writable } from 'node:stream';

/** The frame parser that `ws` exports and its type package leaves out. */
declare module 'ws' {
  export class Receiver extends Writable {
    constructor(options: { isServer: boolean; maxPayload: number });
  }
}
