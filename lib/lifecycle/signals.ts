import type { EventEmitter } from 'node:events';
import type { Logger } from '../logger/index.ts';

export interface SignalOptions {
  /** Called at the first SIGTERM or SIGINT: stop taking work, finish what is under way, close. */
  readonly drain: (signal: NodeJS.Signals) => void;
  /** Called at the second: close now. */
  readonly hurry: (signal: NodeJS.Signals) => void;
  readonly logger: Logger;
  /** After the first signal the process ends by force when nothing else has ended it for this long. */
  readonly drainMsMax?: number;
  /** The same after the second. */
  readonly hurryMsMax?: number;
  /** Where signals come from and how the process ends; tests of a parent may give their own. */
  readonly process?: Pick<EventEmitter, 'on' | 'off'> & { exit(code: number): void };
}

/** Exit code of a process that had to be ended by force. */
export const forcedExitCode = 70;

/**
 * Lets SIGTERM and SIGINT (Ctrl-C) drain the process, and a second one hurry it. The forced exit is a late,
 * unref'd fallback: a process that closes all that it holds ends by itself before.
 */
export function onSignals(options: SignalOptions): Disposable {
  const {
    drain,
    hurry,
    logger,
    drainMsMax = 30_000,
    hurryMsMax = 2_000,
    process: source = process,
  } = options;
  let received = 0;
  let fallback: NodeJS.Timeout | undefined;
  const exitAfter = (ms: number): void => {
    clearTimeout(fallback);
    fallback = setTimeout(() => {
      logger.error({ ms }, 'not closed in time, exit by force');
      source.exit(forcedExitCode);
    }, ms).unref();
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    received++;
    if (received > 2) return;
    logger.info(
      { signal },
      received === 1 ? 'signal received, draining' : 'second signal received, hurrying',
    );
    exitAfter(received === 1 ? drainMsMax : hurryMsMax);
    (received === 1 ? drain : hurry)(signal);
  };
  source.on('SIGTERM', onSignal);
  source.on('SIGINT', onSignal);
  return {
    [Symbol.dispose]: () => {
      source.off('SIGTERM', onSignal);
      source.off('SIGINT', onSignal);
      clearTimeout(fallback);
    },
  };
}
