import { trustedProxies, type RequestHandler } from '@gala/lib/http';
import type { Context, Role, RunningRole } from '@gala/lib/lifecycle';
import { AccountService } from '@gala/protocol/account';
import { RoomService } from '@gala/protocol/room';
import { Admission } from './admission.ts';
import { edgeConfig } from './config.ts';
import { EdgeEvents } from './events.ts';
import { Fanout } from './fanout.ts';
import { forwardSection } from './forward/config.ts';
import { ForwardEvents } from './forward/events.ts';
import { Forwards } from './forward/forwards.ts';
import { HlsDoor } from './hls/door.ts';
import { HlsOutputs } from './hls/outputs.ts';
import { isHlsUrl } from './hls/request.ts';
import { Ingest } from './ingest.ts';
import { PlayKeys } from './play-keys.ts';
import { Play } from './play.ts';
import { openRelay } from './relay/index.ts';
import { Reports } from './reports.ts';
import { openRtmp } from './rtmp.ts';
import { mountStreams, showMetrics } from './routes.ts';
import { Stream, type StreamIdentity } from './stream.ts';
import { StreamLookup } from './stream-lookup.ts';
import { Streams } from './streams.ts';

export { edgeSection, rtmpSection } from './config.ts';
export { edgeSections } from './sections.ts';

/** RTMP in; HTTP-FLV, WS-FLV, RTMP and HLS out. */
export const role: Role = { name: 'edge', start };

async function start(context: Context): Promise<RunningRole> {
  const { clock, logger, metrics, processId, rpc, tracer } = context;
  const config = edgeConfig(context);
  const events = new EdgeEvents(logger, metrics);
  const rooms = rpc.client(RoomService);
  const streams = new Streams();
  const lookup = new StreamLookup(streams);
  await using stack = new AsyncDisposableStack();
  const onStop = (stream: Stream): void => void relay.handover.stop(stream);
  const reports = stack.use(new Reports({ edgeId: processId, rooms, streams, events, onStop, logger }));
  const fanout = new Fanout(clock);
  const makeStream = (identity: StreamIdentity): Stream =>
    new Stream({ identity, clock, config: config.edge, fanout, events, onState: streams.changed });
  const relay = stack.use(await openRelay({ context, streams, makeStream }));
  lookup.addSource(relay.relays);
  const admission = new Admission(rooms, processId);
  const onOwned = (stream: Stream): void => relay.handover.claim(stream);
  const ingest = new Ingest({ admission, streams, reports, events, tracer, makeStream, onOwned });
  stack.use(
    new Forwards({
      config: context.settings.get(forwardSection),
      streams,
      events: new ForwardEvents(logger, metrics),
    }),
  );
  const keys = new PlayKeys({
    accounts: rpc.client(AccountService),
    clock,
    onFailed: (error) => events.playKeysFailed(error),
  });
  const play = new Play({
    config: config.edge,
    lookup,
    events,
    keys,
    trustedProxies: trustedProxies(config.edge.trustedProxies),
  });
  const rtmp = stack.use(await openRtmp({ config: config.rtmp, ingest, play, events, metrics }));
  stack.defer(() => ingest.close());
  const blockedMax = config.edge.viewersMax;
  const hls = stack.use(new HlsOutputs({ clock, config: config.hls, events, blockedMax }));
  const hlsDoor = new HlsDoor({ config: config.hls, lookup, outputs: hls, keys, events });
  const live = await context.listener('live');
  const request: RequestHandler = (...call) =>
    (isHlsUrl(call[0].url ?? '') ? hlsDoor : play).request(...call);
  stack.defer(live.mount('/live', request));
  stack.defer(live.mountUpgrade('/live', play.upgrade));
  stack.defer(mountStreams(await context.listener('admin'), streams));
  showMetrics({ metrics, streams, play, fanout, hls });
  const owned = stack.move();
  return { addresses: { rtmp: rtmp.url }, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
