import type { Context } from '@gala/lib/lifecycle';
import type { EdgeConfig } from '../config.ts';
import type { EdgeEvents } from '../events.ts';
import type { Fanout } from '../fanout.ts';
import type { Stream } from '../stream.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import { transcodeSection } from './config.ts';
import { TranscodeEvents } from './events.ts';
import { Renditions } from './renditions.ts';

interface RenditionParts {
  readonly lookup: StreamLookup;
  readonly fanout: Fanout;
  readonly events: EdgeEvents;
  readonly config: EdgeConfig['edge'];
  /** A rendition has ended because nobody watched it. */
  readonly onDropped: (stream: Stream) => void;
}

/** The ladders of this edge, each in a child process of its own. */
export function openRenditions(context: Context, parts: RenditionParts): Renditions {
  const { clock, logger, metrics, settings } = context;
  const { config: edgeConfig, events: streamEvents, ...rest } = parts;
  const renditions = new Renditions({
    ...rest,
    edgeConfig,
    streamEvents,
    config: settings.get(transcodeSection),
    clock,
    spawn: () => context.spawn('transcode'),
    events: new TranscodeEvents(logger, metrics),
  });
  metrics.gauge('gala_transcode_streams', 'streams that are transcoded', () => renditions.transcoding);
  return renditions;
}
