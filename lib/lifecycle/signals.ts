import type { Logger } from '../logger/index.ts';

export interface SignalOptions {
  /** Called at the first SIGTERM or SIGINT: take no more work, finish what is under way, close. */
  readonly drain: (signal: NodeJS.Signals) => void | PromiseLike<void>;
  /** Called at the second: close now. */
  readonly hurry?: (signal: NodeJS.Signals) => void;
  readonly logger: Logger;
  /** After the first signal the process is ended by force when it has not ended for this long. */
  readonly drainMsMax?: number;
  /** The same after the second. */
  readonly hurryMsMax?: number;
  /**
   * A signal this soon after another is that one again: Ctrl-C comes from the terminal, and once more from npm
   * and each shell in between.
   */
  readonly repeatMs?: number;
}

/** Exit code of a process that had to be ended by force. */
export const forcedExitCode = 70;

/**
 * Lets SIGTERM and SIGINT (Ctrl-C) drain the process, and a second one hurry it. Settles when `drain` has, with
 * its error if it failed. The forced exit is a late, unref'd fallback: a process that has closed all that it
 * holds ends by itself before.
 */
export function onSignals(options: SignalOptions): Promise<void> {
  const { drain, hurry, logger, drainMsMax = 30_000, hurryMsMax = 2_000, repeatMs = 500 } = options;
  const { promise, resolve } = Promise.withResolvers<void>();
  let received = 0;
  let receivedAtMs = -Infinity;
  let fallback: NodeJS.Timeout | undefined;
  const exitAfter = (ms: number): void => {
    clearTimeout(fallback);
    fallback = setTimeout(() => {
      logger.error({ ms }, 'not closed in time, exit by force');
      process.exit(forcedExitCode);
    }, ms).unref();
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    const isRepeated = performance.now() - receivedAtMs < repeatMs;
    if (isRepeated || received === 2) return;
    receivedAtMs = performance.now();
    received++;
    logger.info(
      { signal },
      received === 1 ? 'signal received, draining' : 'second signal received, hurrying',
    );
    exitAfter(received === 1 ? drainMsMax : hurryMsMax);
    if (received === 2) hurry?.(signal);
    else resolve(Promise.try(async () => drain(signal)));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return promise;
}
