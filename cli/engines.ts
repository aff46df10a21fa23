import { cacheProbes } from '@gala/lib/cache';
import { collectionsProbes } from '@gala/lib/collections';
import type { Settings } from '@gala/lib/config';
import { coordProbes } from '@gala/lib/coord';
import { eventlogProbes } from '@gala/lib/eventlog';
import type { Probe } from '@gala/lib/probe';

/** Every address of an engine that the settings name; none in an installation that needs PostgreSQL alone. */
export function engineProbes(settings: Settings): Probe[] {
  return [
    ...coordProbes(settings),
    ...collectionsProbes(settings),
    ...cacheProbes(settings),
    ...eventlogProbes(settings),
  ];
}
