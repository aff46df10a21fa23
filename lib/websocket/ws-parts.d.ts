import type { Writable } from 'node:stream';

/** What `ws` exports and its type package leaves out. */
declare module 'ws' {
  interface ReceiverOptions {
    readonly isServer: boolean;
    readonly maxPayload: number;
    readonly maxFragments?: number;
    readonly extensions?: Readonly<Record<string, PerMessageDeflate>>;
  }

  /** Parser of frames. Those with an underscore are its own: `lib/websocket/receivers.ts` says why they are read. */
  export class Receiver extends Writable {
    readonly _state: number;
    readonly _bufferedBytes: number;
    readonly _fragmented: number;
    readonly _errored: boolean;
    constructor(options: ReceiverOptions);
  }

  export class PerMessageDeflate {
    static readonly extensionName: string;
    constructor(options: {
      readonly isServer: boolean;
      readonly maxPayload: number;
      readonly serverNoContextTakeover: boolean;
      readonly clientNoContextTakeover: boolean;
    });
    /** @throws Error for offers that are not valid */
    accept(offers: readonly object[]): object;
  }

  export const extension: {
    /** @throws SyntaxError */
    parse(this: void, header: string): Record<string, Record<string, (string | true)[]>[] | undefined>;
  };

  export const subprotocol: {
    /** @throws SyntaxError */
    parse(this: void, header: string): Set<string>;
  };
}
