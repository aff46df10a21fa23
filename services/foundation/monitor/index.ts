import type { Context } from '@gala/lib/lifecycle';
import { serveTraces } from './traces.ts';

/** What every process does, whatever its roles, so that it can be watched: it answers for the spans it keeps. */
export async function watchProcess(context: Context): Promise<AsyncDisposable> {
  return serveTraces(context);
}
