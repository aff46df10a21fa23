import { CodedError } from '@gala/lib/error';
import type { NativeChild } from '@gala/lib/lifecycle';
import { fenceErrors } from './errors.ts';
import { controlValue, FenceReader, type FenceMessage } from './message.ts';
import { writeMessage } from './work.ts';

export interface FencedChildOptions {
  readonly child: NativeChild;
  readonly onMessage: (message: FenceMessage) => void;
  /** Called once; without an error when it was closed by this side. */
  readonly onEnd: (error: CodedError | undefined) => void;
}

/** How long a child may take to end by itself. */
const leaveMs = 1_000;

/** The near side of a native child: messages both ways, its end told once, whatever it dies of. */
export class FencedChild implements AsyncDisposable {
  readonly #options: FencedChildOptions;
  readonly #reader = new FenceReader();
  readonly #exited = Promise.withResolvers<void>();
  /** What the child said, or what it is ended for. */
  #failure: CodedError | undefined;
  #isClosing = false;
  #hasEnded = false;

  constructor(options: FencedChildOptions) {
    this.#options = options;
    const { child } = options;
    child.once('error', (cause) => this.#end(new CodedError(fenceErrors, 'CHILD_ENDED', { cause })));
    child.once('exit', (code, signal) => {
      this.#end(new CodedError(fenceErrors, 'CHILD_ENDED', { detail: String(signal ?? code) }));
    });
    // A pipe into a child that has just ended; its exit is told apart.
    child.stdin?.on('error', () => undefined);
    child.stdout?.on('data', (bytes: Buffer) => this.#read(bytes));
  }

  get pid(): number | undefined {
    return this.#options.child.pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Bytes that the child has not taken, beyond what the kernel holds. */
  get waitingBytes(): number {
    return this.#options.child.stdin?.writableLength ?? 0;
  }

  send(message: FenceMessage): void {
    const { stdin } = this.#options.child;
    if (stdin && !this.#hasEnded && !this.#isClosing) writeMessage(stdin, message);
  }

  /** Ends it at once, for that reason. */
  kill(reason: CodedError): void {
    this.#failure ??= reason;
    this.#options.child.kill('SIGKILL');
  }

  /** Ends its input and waits for its end; what does not end by itself is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    if (this.#hasEnded) return;
    const { child } = this.#options;
    child.stdin?.end();
    const killer = setTimeout(() => child.kill('SIGKILL'), leaveMs);
    await this.#exited.promise;
    clearTimeout(killer);
  }

  #read(bytes: Buffer): void {
    if (this.#isClosing) return;
    try {
      this.#reader.append(bytes);
      for (let message = this.#reader.next(); message; message = this.#reader.next()) this.#take(message);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.kill(error);
    }
  }

  #take(message: FenceMessage): void {
    const failure = message.kind === 'control' ? failureOf(controlValue(message)) : undefined;
    if (failure) this.#failure ??= failure;
    else if (!this.#hasEnded) this.#options.onMessage(message);
  }

  #end(reason: CodedError): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#exited.resolve();
    this.#options.onEnd(this.#isClosing ? undefined : (this.#failure ?? reason));
  }
}

function failureOf({ type, code, detail }: Readonly<Record<string, unknown>>): CodedError | undefined {
  if (type !== 'failed') return undefined;
  const known = Object.keys(fenceErrors).find((name) => name === code) ?? 'NATIVE_FAILED';
  return new CodedError(fenceErrors, known as keyof typeof fenceErrors, { detail: String(detail) });
}
