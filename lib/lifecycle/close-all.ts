import type { Logger } from '../logger/index.ts';

/** Something to close, with the name that logs give it. */
export interface Closable {
  readonly name: string;
  readonly resource: AsyncDisposable;
  /** Bound of its own; that of `closeAll` otherwise. */
  readonly closeMsMax?: number;
}

export interface CloseOptions {
  readonly logger: Logger;
  readonly closeMsMax?: number;
  /** Aborted when there is no more time: what is not closed yet is not waited for. */
  readonly hurry?: AbortSignal;
}

/**
 * Closes each once, last first, one after the other. An error is logged and does not keep the others open, and
 * so is one that takes longer than its bound. Answers the names of those that failed or were left.
 */
export async function closeAll(children: readonly Closable[], options: CloseOptions): Promise<string[]> {
  const left: string[] = [];
  for (const child of children.toReversed()) {
    if (!(await closeOne(child, options))) left.push(child.name);
  }
  return left;
}

async function closeOne({ name, resource, closeMsMax }: Closable, options: CloseOptions): Promise<boolean> {
  const { logger, hurry } = options;
  const boundMs = closeMsMax ?? options.closeMsMax ?? 10_000;
  const { promise: outOfTime, resolve: giveUp } = Promise.withResolvers<'late'>();
  const timer = setTimeout(giveUp, boundMs, 'late');
  const onHurry = (): void => giveUp('late');
  hurry?.addEventListener('abort', onHurry, { once: true });
  try {
    // In a hurry each is still asked to close, but has only the time until its first wait.
    const closed = Promise.resolve(resource[Symbol.asyncDispose]()).then(() => 'closed' as const);
    if (hurry?.aborted) onHurry();
    const outcome = await Promise.race([closed, outOfTime]);
    if (outcome === 'late') {
      logger.warn({ name, boundMs }, 'not closed in time, left');
      closed.catch((error: unknown) => logger.error({ error, name }, 'failed to close'));
    }
    return outcome === 'closed';
  } catch (error) {
    logger.error({ error, name }, 'failed to close');
    return false;
  } finally {
    clearTimeout(timer);
    hurry?.removeEventListener('abort', onHurry);
  }
}
