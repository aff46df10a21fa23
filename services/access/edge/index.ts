import { hostname } from 'node:os';
import { trustedProxies } from '@gala/lib/http';
import type { Context, Role, RunningRole } from '@gala/lib/lifecycle';
import { Switches } from '@gala/lib/switches';
import { AccountService } from '@gala/protocol/account';
import { RoomService } from '@gala/protocol/room';
import * as settings from '@gala/protocol/settings';
import { Admission } from './admission.ts';
import { openBackups } from './backup/index.ts';
import { edgeConfig } from './config.ts';
import { Drain } from './drain.ts';
import { EdgeEvents } from './events.ts';
import { Fanout } from './fanout.ts';
import { forwardSection } from './forward/config.ts';
import { ForwardEvents } from './forward/events.ts';
import { Forwards } from './forward/forwards.ts';
import { openGuards } from './guards.ts';
import { HlsOutputs } from './hls/outputs.ts';
import { HlsPlayers } from './hls/players.ts';
import { Ingest } from './ingest.ts';
import { guardBitrates } from './limits/bitrate-guard.ts';
import { openLiveDoors } from './live-doors.ts';
import { PlayKeys } from './play-keys.ts';
import { Play } from './play.ts';
import { pullSection } from './pull/config.ts';
import { PullEvents } from './pull/events.ts';
import { Pulls, type PullsOptions } from './pull/pulls.ts';
import { openRecordings } from './record/open.ts';
import { openRelay } from './relay/index.ts';
import { openRenditions } from './renditions/index.ts';
import { Reports } from './reports.ts';
import { openRtmp } from './rtmp.ts';
import { serveOperators } from './operator.ts';
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
  const accounts = rpc.client(AccountService);
  const streams = new Streams();
  const lookup = new StreamLookup(streams);
  await using stack = new AsyncDisposableStack();
  const switches = stack.use(await openSwitches(context));
  events.countsPlays = () => switches.get('playCounts') === 'on';
  const onStop = (stream: Stream): void => void relay.handover.stop(stream);
  const renditionLines = (stream: Stream): number[] => renditions.linesOf(stream);
  const reportParts = { edgeId: processId, rooms, streams, events, onStop, renditionLines, logger };
  const reports = stack.use(new Reports(reportParts));
  const fanout = new Fanout(clock);
  const onDropped = (stream: Stream): void => hls.drop(stream);
  const renditionParts = { lookup, fanout, events, config: config.edge, onDropped };
  const renditions = stack.use(openRenditions(context, renditionParts));
  lookup.addSource(renditions);
  const onCodecs = reports.codecsChanged;
  const streamParts = { clock, config: config.edge, fanout, events, onState: streams.changed, onCodecs };
  const makeStream = (identity: StreamIdentity): Stream => new Stream({ identity, ...streamParts });
  const { publicUrl } = config.edge;
  const sharesPort = config.edge.processes > 1;
  const sharedPort = sharesPort ? `${hostname()}:${config.rtmp.port}` : undefined;
  const relay = stack.use(await openRelay({ context, publicUrl, sharedPort, streams, makeStream }));
  lookup.addSource(relay.relays);
  const admission = new Admission(rooms, processId);
  const guards = stack.use(openGuards(context, admission));
  const onOwned = (stream: Stream): void => relay.handover.claim(stream);
  const ingestParts = { admission, gate: guards.gate, streams, reports, events };
  const ingest = new Ingest({ ...ingestParts, tracer, makeStream, onOwned });
  stack.use(openForwards(context, streams));
  const recordings = stack.use(await openRecordings(context, streams, guards.hooks));
  const keys = new PlayKeys({ accounts, clock, onFailed: (error) => events.playKeysFailed(error) });
  const proxies = trustedProxies(config.edge.trustedProxies);
  const playParts = { clock, config: config.edge, lookup, events, keys, guard: guards.viewers };
  const play = new Play({ ...playParts, trustedProxies: proxies });
  const backups = stack.use(openBackups(context, { admission, gate: guards.gate, ingest, streams }));
  const rtmpParts = { ingest, backups, play, hooks: guards.hooks, events, metrics, logger };
  const rtmp = stack.use(await openRtmp({ ...rtmpParts, config: config.rtmp, sharesPort }));
  stack.defer(() => ingest.close());
  stack.use(guardBitrates({ streams, ingest, config: guards.limits, events: guards.events, clock }));
  const blockedMax = config.edge.viewersMax;
  const hls = stack.use(new HlsOutputs({ clock, config: config.hls, events, blockedMax }));
  const isWatched = (stream: Stream): boolean =>
    stream.viewerCount > 0 || hls.ofKey(stream.key).length > 0 || relay.isFed(stream);
  const pulls = openPulls(context, { accounts, rooms, clock, admission, ingest, isWatched });
  lookup.addSource(stack.use(pulls));
  const players = stack.use(new HlsPlayers(play, clock));
  const hlsParts = { outputs: hls, renditions, players };
  const viewerParts = { ...hlsParts, lookup, play, guard: guards.viewers, keys, events };
  const { edges, token } = relay;
  const bounds = { config: config.hls, requestsMax: blockedMax };
  const doorParts = { ...viewerParts, ...bounds, edges, token, streams, recordings };
  const { listener: live } = stack.use(await openLiveDoors(context, doorParts));
  stack.defer(mountStreams(await context.listener('admin'), streams, players));
  showMetrics({ metrics, streams, play, fanout, hls, players });
  const doors = { ingest, play, hls, sharedPorts: sharesPort ? [live, rtmp] : [] };
  const drain = new Drain({ edges, streams, events, doors, moveMs: config.edge.moveMs });
  stack.use(await serveOperators(context, { streams, play, ingest, events, drain }));
  stack.defer(() => drain.begin('edge_closes'));
  const owned = stack.move();
  return { addresses: rtmp.addresses, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function openPulls(
  { settings, logger, metrics }: Context,
  parts: Omit<PullsOptions, 'config' | 'events'>,
): Pulls {
  return new Pulls({ ...parts, config: settings.get(pullSection), events: new PullEvents(logger, metrics) });
}

function openForwards({ settings, logger, metrics }: Context, streams: Streams): Forwards {
  const events = new ForwardEvents(logger, metrics);
  return new Forwards({ config: settings.get(forwardSection), streams, events });
}

function openSwitches({ coord, clock }: Context): Promise<Switches<typeof settings.switchTable>> {
  const { switchesKey: key, switchTable: table, switchSettings } = settings;
  return Switches.open({ coord, clock, key, table, parse: (value) => switchSettings.parse(value) });
}
