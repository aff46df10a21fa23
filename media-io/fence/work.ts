import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { CodedError } from '@gala/lib/error';
import type * as codecs from '../av/index.ts';
import { fenceErrors } from './errors.ts';
import { controlMessage, encodeHeader, FenceReader, type FenceMessage } from './message.ts';

/** The two pipes of a child process, as the child sees them. */
export interface WorkPipes {
  readonly input: Readable;
  readonly output: Writable;
}

export interface Work {
  /** One message at a time, in order; what arrives meanwhile waits in the pipe, where the parent sees it. */
  handle(message: FenceMessage): Promise<void> | void;
}

/** What a worker may send; whoever sends much waits for `drained`. */
export interface WorkOutput {
  send(message: FenceMessage): void;
}

/**
 * What a child process does: `begin` makes the worker, which then gets what the parent sends until that ends its pipe.
 * An error is told to the parent by its code, and ends the work.
 */
export async function runWork(
  { input, output }: WorkPipes,
  begin: (output: WorkOutput) => Promise<Work & Disposable>,
): Promise<void> {
  // The parent is gone: its end of the other pipe is closed too, and nobody is left to be told.
  output.on('error', () => undefined);
  const send = (message: FenceMessage): void => writeMessage(output, message);
  const reader = new FenceReader();
  try {
    using work = await begin({ send });
    for await (const bytes of input as AsyncIterable<Buffer>) {
      reader.append(bytes);
      for (let message = reader.next(); message; message = reader.next()) {
        await work.handle(message);
        if (output.writableNeedDrain) await Promise.race([once(output, 'drain'), once(output, 'close')]);
      }
    }
  } catch (error) {
    send(controlMessage(failureOf(error)));
  }
}

/** Writes a message without copying its body. */
export function writeMessage(output: Writable, message: FenceMessage): void {
  output.cork();
  output.write(encodeHeader(message));
  output.write(message.body);
  output.uncork();
}

function failureOf(error: unknown): { type: 'failed'; code: string; detail: string } {
  const detail = error instanceof Error ? error.message : String(error);
  const code = error instanceof CodedError ? error.code : 'NATIVE_FAILED';
  return { type: 'failed', code, detail };
}

export type Codecs = typeof codecs;

/**
 * The native codecs, loaded when a child needs them.
 * @throws CodedError NATIVE_MISSING
 */
export async function loadCodecs(): Promise<Codecs> {
  try {
    return await import('../av/index.ts');
  } catch (cause) {
    throw new CodedError(fenceErrors, 'NATIVE_MISSING', { cause });
  }
}
