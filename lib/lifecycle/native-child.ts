import type { Readable, Writable } from 'node:stream';

/** Kinds of child processes, each with an entry of its own: native code that may crash runs nowhere else. */
export type NativeChildName = 'transcode' | 'cover';

/** A child process with two pipes. It ends when its input does. */
export interface NativeChild {
  readonly pid?: number | undefined;
  /** Not there when the process has no descriptor left for it; `error` follows. */
  readonly stdin: Writable | null | undefined;
  readonly stdout: Readable | null | undefined;
  kill(signal: 'SIGKILL'): unknown;
  once(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown;
  once(event: 'error', listener: (error: Error) => void): unknown;
}
