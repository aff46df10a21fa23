import { section, type Settings } from '@gala/lib/config';
import { z } from 'zod';

/** The part `trace` of the static settings. */
export const traceSection = section(
  'trace',
  z.object({
    sampleShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.01)
      .describe('share of traces that are kept from their first span on; spans that fail always are'),
    otlpUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('where kept spans are sent too: OTLP/HTTP with JSON, e.g. http://localhost:4318/v1/traces'),
    otlpQueueMax: z
      .int()
      .min(16)
      .max(100_000)
      .default(4096)
      .describe('spans of one process that wait to be sent; more are dropped and counted'),
  }),
);

/** The only reader of these settings. */
export function readTraceConfig(settings: Settings) {
  return settings.get(traceSection);
}
