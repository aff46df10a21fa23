import type { Context } from '@gala/lib/lifecycle';
import { readTraceConfig } from './config.ts';
import { serveHotKeys } from './hot-keys.ts';
import { SpanExport } from './span-export.ts';
import { serveTraces } from './traces.ts';

export { readTraceConfig, traceSection } from './config.ts';
export { serveReadiness } from './readiness.ts';

/**
 * What every process does, whatever its roles, so that it can be watched: it answers for the spans it keeps, sends
 * them on where that is set, and tells of its hot keys.
 */
export async function watchProcess(context: Context): Promise<AsyncDisposable> {
  const { processId, processName, settings, tracer, clock, logger, metrics } = context;
  const { otlpUrl: url, otlpQueueMax: queueMax } = readTraceConfig(settings);
  await using stack = new AsyncDisposableStack();
  if (url) {
    const resource = {
      'service.name': `gala-${processName}`,
      'service.namespace': 'gala',
      'service.instance.id': processId,
    };
    stack.use(new SpanExport({ url, queueMax, resource, tracer, clock, logger, metrics }));
  }
  stack.use(await serveTraces(context));
  serveHotKeys(await context.listener('admin'), context.caches);
  return stack.move();
}
