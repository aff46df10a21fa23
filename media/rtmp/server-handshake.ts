import { HANDSHAKE_BYTES } from './digest.ts';
import { answerClientHello, type RandomBytes } from './handshake.ts';

const EMPTY = Buffer.alloc(0);

/** The server's side of a handshake: takes bytes in any pieces, gives the reply and what lies behind. */
export class ServerHandshake {
  readonly #random: RandomBytes;
  #hello: Buffer = EMPTY;
  #answerLeftBytes = HANDSHAKE_BYTES;
  #isAnswered = false;

  constructor(random: RandomBytes) {
    this.#random = random;
  }

  /** True once C2 has been received. Its contents are not compared: many encoders send something else. */
  get isDone(): boolean {
    return this.#isAnswered && this.#answerLeftBytes === 0;
  }

  /**
   * Takes bytes. `reply` is S0, S1 and S2 once C1 is complete, `rest` the bytes behind the handshake.
   * Errors: `NOT_RTMP`, `RTMP_ENCRYPTED`.
   */
  push(bytes: Buffer): { reply: Buffer | undefined; rest: Buffer } {
    if (this.#isAnswered) return { reply: undefined, rest: this.#skipAnswer(bytes) };
    this.#hello = this.#hello.length === 0 ? bytes : Buffer.concat([this.#hello, bytes]);
    const step = answerClientHello(this.#hello, this.#random);
    if (step === undefined) return { reply: undefined, rest: EMPTY };
    const behind = this.#hello.subarray(step.usedBytes);
    this.#hello = EMPTY;
    this.#isAnswered = true;
    return { reply: step.reply, rest: this.#skipAnswer(behind) };
  }

  #skipAnswer(bytes: Buffer): Buffer {
    const count = Math.min(bytes.length, this.#answerLeftBytes);
    this.#answerLeftBytes -= count;
    return bytes.subarray(count);
  }
}
