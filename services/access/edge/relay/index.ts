import { hostPort } from '@gala/lib/http';
import type { Context } from '@gala/lib/lifecycle';
import { AccountService } from '@gala/protocol/account';
import { RoomService } from '@gala/protocol/room';
import type { Stream, StreamIdentity } from '../stream.ts';
import type { Streams } from '../streams.ts';
import { ClusterToken } from '@gala/lib/rpc';
import { relayConfig } from './config.ts';
import { RelayDoor } from './door.ts';
import { Edges } from './edges.ts';
import { RelayEvents } from './events.ts';
import { Handover } from './handover.ts';
import { Owners } from './owners.ts';
import { Relays } from './relays.ts';

export interface RelaySetup {
  readonly context: Context;
  /** Where players reach this edge alone, when that is known. */
  readonly publicUrl: string | undefined;
  /** The same for all edges that listen on one port together. */
  readonly sharedPort: string | undefined;
  readonly streams: Streams;
  readonly makeStream: (identity: StreamIdentity) => Stream;
}

/** What an edge has to do with the other edges. */
export interface OpenRelay extends AsyncDisposable {
  readonly edges: Edges;
  readonly relays: Relays;
  readonly handover: Handover;
  readonly token: ClusterToken;
  /** True while another edge takes a copy of the stream. */
  isFed(stream: Stream): boolean;
}

/** Makes this edge known to the others, gives them its streams and brings theirs in. Errors: COORD_UNAVAILABLE. */
export async function openRelay(setup: RelaySetup): Promise<OpenRelay> {
  const { context, publicUrl, sharedPort, streams, makeStream } = setup;
  const { advertiseHost, clock, coord, logger, metrics, processId: edgeId, rpc, secrets, tracer } = context;
  const token = new ClusterToken(secrets.clusterToken);
  const config = relayConfig(context);
  const events = new RelayEvents(logger, metrics);
  await using stack = new AsyncDisposableStack();
  const internal = await context.listener('internal');
  const door = new RelayDoor({ token, streams, config, events });
  stack.defer(internal.mount('/relay', door.request));
  const internalUrl = `http://${hostPort(advertiseHost, internal.port)}`;
  const edges = stack.use(
    await Edges.join({ coord, self: { id: edgeId, internalUrl, publicUrl, sharedPort } }),
  );
  const owners = stack.use(new Owners({ coord, edgeId, clock, events }));
  const parts = { edges, owners, token, tracer, events, config, streams, clock, logger, makeStream };
  const relays = stack.use(new Relays({ ...parts, accounts: rpc.client(AccountService) }));
  const handover = new Handover({ rooms: rpc.client(RoomService), edgeId, streams, owners, relays, door });
  metrics.gauge('gala_edge_relays', 'streams of other edges that are here', () => relays.size);
  metrics.gauge('gala_edge_relay_feeds_open', 'copies of streams that other edges take', () => door.size);
  const owned = stack.move();
  const isFed = (stream: Stream): boolean => door.isFed(stream);
  return { edges, relays, handover, token, isFed, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
