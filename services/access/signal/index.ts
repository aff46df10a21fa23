import type { Context, Role } from '@gala/lib/lifecycle';
import { SigningKeys } from '@gala/lib/signing-keys';
import { Ticker } from '@gala/lib/timing';
import { AccountService } from '@gala/protocol/account';
import { RoomService } from '@gala/protocol/room';
import { readConfig } from './config.ts';
import { Door, turnMs } from './door.ts';
import { Drain } from './drain.ts';
import { SignalEvents } from './events.ts';
import { Fanout } from './fanout.ts';
import { Load } from './load.ts';
import { Nodes } from './nodes.ts';
import { serveNode } from './operator.ts';
import { Owners } from './owners.ts';
import { Presence } from './presence.ts';
import { Pressure } from './pressure.ts';
import type { Room } from './room.ts';
import { Reads } from './reads.ts';
import { Rooms } from './rooms.ts';
import { Sessions } from './sessions.ts';
import { Submissions } from './submissions.ts';

export { signalSection } from './config.ts';

/** Long-lived connections of viewers: what rooms say goes out, what viewers say comes in. */
export const role: Role = { name: 'signal', start };

const presenceMs = 250;
const followMs = 500;

async function start(context: Context): Promise<AsyncDisposable> {
  const { clock, coord, logger, metrics, processId: nodeId, rpc, settings } = context;
  const config = readConfig(settings);
  const events = new SignalEvents(logger, metrics);
  const accounts = rpc.client(AccountService);
  const keys = new SigningKeys({
    fetch: async () => (await accounts.signingKeys({})).keys,
    clock,
    onFailed: (error) => events.keysFailed(error),
  });
  const owners = new Owners(rpc, nodeId);
  const pressure = new Pressure(config, events);
  const fanout = new Fanout(clock);
  await using stack = new AsyncDisposableStack();
  const onNotOwned = (room: Room, reason: string): void => rooms.reopen(room, reason);
  const rooms: Rooms = stack.use(
    new Rooms({
      clock,
      config,
      owners,
      fanout,
      pressure,
      events,
      evict: (connection) => sessions.evict(connection),
      onOwner: (room) => presence.restart(room),
    }),
  );
  const submissions = stack.use(new Submissions({ nodeId, owners, events, onNotOwned }));
  const presence = new Presence({ nodeId, clock, owners, events, rooms, onNotOwned });
  const sessions = new Sessions({ clock, config, keys, rooms, submissions, presence, pressure, events });
  const listener = await context.listener('web');
  const door = new Door({ clock, config, listener, sessions, fanout, events });
  const load = stack.use(new Load(config, pressure, events));
  const nodes = stack.use(await Nodes.join(coord, { id: nodeId, publicUrl: config.publicUrl }));
  const drain = new Drain({ nodes, rooms, door, events, moveMs: config.moveMs });
  stack.use(await serveNode(context, { config, door, rooms, load, drain, events }));
  const catalog = rpc.client(RoomService);
  const reads = stack.use(new Reads({ clock, config, listener, keys, rooms, catalog, events }));
  stack.defer(listener.mount(`${config.path}/rooms`, reads.request));
  stack.defer(listener.mountUpgrade(config.path, door.upgrade));
  const each = (name: string, intervalMs: number, run: () => void | Promise<void>): void =>
    void stack.use(new Ticker({ name: `signal ${name}`, intervalMs, run, logger }));
  each('time limits', turnMs, () => door.advance());
  each('presence', presenceMs, () => presence.tick());
  each('owners', followMs, () => rooms.follow());
  each('upkeep', 1_000, () => {
    load.look();
    rooms.sweep();
    sessions.sweep();
  });
  metrics.gauge('gala_signal_connections', 'connections of clients', () => door.size);
  metrics.gauge('gala_signal_reads_waiting', 'pulls that wait for something new', () => reads.waiting);
  metrics.gauge('gala_signal_rooms', 'rooms that are open here', () => rooms.size);
  metrics.gauge('gala_signal_ring_bytes', 'batches kept for those who come back', () => rooms.ringBytes);
  metrics.gauge('gala_signal_owing', 'connections that owe bytes', () => pressure.owing.size);
  metrics.gauge('gala_signal_tier_floor', 'tier that nobody gets more than, by load', () => pressure.floor);
  metrics.gauge(
    'gala_signal_client_kinds',
    'kinds of clients that are told apart',
    () => sessions.kinds.size,
  );
  stack.defer(() => drain.begin());
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
