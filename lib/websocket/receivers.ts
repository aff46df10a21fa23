import { PerMessageDeflate, Receiver } from 'ws';

/** Who gets what a parser reads. */
export interface ReceiverOwner {
  readMessage(data: Buffer, isBinary: boolean): void;
  readPing(data: Buffer): void;
  readPong(data: Buffer): void;
  readClose(code: number): void;
  readError(error: { readonly code?: string }): void;
}

export interface ReceiverLimits {
  readonly messageBytesMax: number;
  readonly fragmentsMax: number;
}

/** State of a parser that has read whole frames only. */
const betweenFrames = 0;

/**
 * A frame parser, lent to one connection at a time. Between two messages it remembers nothing, since compression
 * is without context, so that the next connection can have it: what one weighs (2 KB, with an inflater 44 KB more)
 * counts for those in the middle of a message alone.
 */
export class LentReceiver {
  owner: ReceiverOwner | undefined;
  readonly deflate: boolean;
  readonly #receiver: Receiver;

  constructor({ messageBytesMax, fragmentsMax }: ReceiverLimits, deflate: boolean) {
    this.deflate = deflate;
    this.#receiver = new Receiver({
      isServer: true,
      maxPayload: messageBytesMax,
      maxFragments: fragmentsMax,
      extensions: deflate ? { [PerMessageDeflate.extensionName]: inflater(messageBytesMax) } : {},
    });
    this.#receiver.on('message', (data: Buffer, isBinary: boolean) =>
      this.owner?.readMessage(data, isBinary),
    );
    this.#receiver.on('ping', (data: Buffer) => this.owner?.readPing(data));
    this.#receiver.on('pong', (data: Buffer) => this.owner?.readPong(data));
    this.#receiver.on('conclude', (code: number) => this.owner?.readClose(code));
    this.#receiver.on('error', (error: { code?: string }) => this.owner?.readError(error));
  }

  /** No byte of a frame, no fragment of a message and nothing to inflate is left: another connection may have it. */
  get isReusable(): boolean {
    const { _state, _bufferedBytes, _fragmented, _errored, writableLength, writable } = this.#receiver;
    const isEmpty = _state === betweenFrames && _bufferedBytes === 0 && _fragmented === 0;
    return isEmpty && !_errored && writable && writableLength === 0;
  }

  write(bytes: Buffer): void {
    this.#receiver.write(bytes);
  }
}

/** The parsers of all connections with the same limits. */
export class Receivers {
  /** Made since the start. */
  made = 0;
  readonly #limits: ReceiverLimits;
  readonly #free = { plain: [] as LentReceiver[], deflate: [] as LentReceiver[] };

  constructor(limits: ReceiverLimits) {
    this.#limits = limits;
  }

  lend(owner: ReceiverOwner, deflate: boolean): LentReceiver {
    let receiver = this.#free[deflate ? 'deflate' : 'plain'].pop();
    if (!receiver) {
      this.made++;
      receiver = new LentReceiver(this.#limits, deflate);
    }
    receiver.owner = owner;
    return receiver;
  }

  /**
   * Takes it back when it is whole; others, and those beyond `freeMax`, are left to the collector, with what they are
   * still inflating: ended by hand that would keep its place among those that may inflate at once.
   */
  giveBack(receiver: LentReceiver): void {
    receiver.owner = undefined;
    const free = this.#free[receiver.deflate ? 'deflate' : 'plain'];
    if (receiver.isReusable && free.length < freeMax) free.push(receiver);
  }
}

/** Parsers kept for the next bytes; all but those in the middle of a message share them. */
const freeMax = 8;

function inflater(messageBytesMax: number): PerMessageDeflate {
  const options = { isServer: true, serverNoContextTakeover: true, clientNoContextTakeover: true };
  const deflate = new PerMessageDeflate({ ...options, maxPayload: messageBytesMax });
  deflate.accept([{}]);
  return deflate;
}
