import type { RequestHandler } from '@gala/lib/http';
import type { Context } from '@gala/lib/lifecycle';
import type { StreamLookup } from '../stream-lookup.ts';
import type { Streams } from '../streams.ts';
import { coversSection } from './config.ts';
import { Covers } from './covers.ts';
import { CoverDoor } from './door.ts';
import { CoverEvents } from './events.ts';

export { isCoverUrl } from './door.ts';

interface OpenCovers extends AsyncDisposable {
  readonly request: RequestHandler;
}

/** The covers of this edge and their door. */
export function openCovers(
  context: Context,
  { streams, lookup }: { streams: Streams; lookup: StreamLookup },
): OpenCovers {
  const { clock, logger, metrics, settings } = context;
  const events = new CoverEvents(logger, metrics);
  const spawn = () => context.spawn('cover');
  const covers = new Covers({ config: settings.get(coversSection), streams, clock, spawn, events });
  metrics.gauge('gala_covers_kept', 'covers in memory', () => covers.shelf.size);
  metrics.gauge('gala_covers_bytes', 'bytes of covers in memory', () => covers.shelf.bytes);
  const { request } = new CoverDoor({ covers, lookup, events });
  return { request, [Symbol.asyncDispose]: () => covers[Symbol.asyncDispose]() };
}
