import type { BreakerPolicy } from '@gala/lib/breaker';
import type { Context, Role } from '@gala/lib/lifecycle';
import { InteractionService } from '@gala/protocol/interaction';
import { SignalService } from '@gala/protocol/signal';
import { readConfig } from './config.ts';
import { Crowd } from './crowd/crowd.ts';
import { Deliveries } from './delivery.ts';
import { catchUp } from './durable/catch-up.ts';
import { Checkpoints } from './durable/checkpoints.ts';
import { DurableLane } from './durable/lane.ts';
import { DurableTail, type TailOptions } from './durable/tail.ts';
import { InteractionEvents } from './events.ts';
import { openChats, type OpenedChats } from './moderation/index.ts';
import { Partitions } from './partitions.ts';
import { RoomChanges } from './room-changes.ts';
import { RoomSource } from './room-source.ts';
import { Rooms, type PartsRequest } from './rooms.ts';
import type { RoomParts } from './room.ts';
import { createHandlers } from './routes.ts';
import { Sayings } from './sayings.ts';
import { Ticks } from './ticks.ts';
import { Upkeep } from './upkeep.ts';

export { interactionSection } from './config.ts';

export { chatSection } from './moderation/index.ts';
export { migrations } from './store/schema.ts';

/** What is said in rooms: rules, order, counts and ranks. */
export const role: Role = {
  name: 'interaction',
  async start(context) {
    await using started = new AsyncDisposableStack();
    const chats = started.use(await openChats(context));
    const parts = await openOwner(context, chats, started);
    const { rpc, clock } = context;
    const nodes = (): Promise<readonly string[]> => rpc.members(SignalService);
    started.use(new Upkeep({ ...context, ...parts, nodes }));
    started.use(await rpc.serve(InteractionService, createHandlers({ ...parts, clock })));
    started.use(await chats.serve(parts));
    // Partitions are handed over while callers can still be told to ask another.
    started.defer(() => parts.partitions[Symbol.asyncDispose]());
    return started.move();
  },
};

/** Closed in reverse: a partition that is given back sends what its rooms have still to say. */
async function openOwner(context: Context, { chats }: OpenedChats, started: AsyncDisposableStack) {
  const { clock, processId, eventlog: log, coord } = context;
  const config = readConfig(context);
  const events = new InteractionEvents(context);
  const shared = { clock, config, events };
  const { deliveries, ticks } = openDelivery(context, shared, started);
  const checkpoints = new Checkpoints({ coord, events, reachMs: config.durableTailMs });
  const onRecord: TailOptions['onRecord'] = (roomId, record) => rooms.followed(roomId, record);
  const tail = started.use(new DurableTail({ ...shared, log, checkpoints, onRecord }));
  const breaker = context.breakers.get({ dependency: 'eventlog', instance: 'signals', policy: logPolicy });
  const source = new RoomSource(context);
  const rooms: Rooms = new Rooms({
    ...shared,
    hold: (partition) => partitions.hold(partition),
    source,
    ticks,
    deliveries,
    tail,
    openLane: (room) => new DurableLane(room, { ...shared, log, breaker, appendMsMax: config.durableMsMax }),
    openParts: roomPartsOf(chats, started.use(new Crowd(context))),
  });
  const partitions: Partitions = started.use(
    await Partitions.open({
      coord,
      processId,
      events,
      onTaken: (holding) => catchUp(holding, tail, () => rooms.caughtUp(holding)),
      onLeave: (holding) => rooms.leave(holding),
      onLost: (holding) => rooms.lose(holding),
    }),
  );
  const sayings = new Sayings({ clock, rooms, deliveries, events });
  started.use(new RoomChanges({ log, rooms, sayings, source, events }));
  showState(context, { rooms, deliveries, tail, partitions });
  return { config, events, deliveries, tail, rooms, partitions, sayings };
}

type Shared = Pick<ConstructorParameters<typeof Rooms>[0], 'clock' | 'config' | 'events'>;

function openDelivery(context: Context, { clock, config, events }: Shared, started: AsyncDisposableStack) {
  const { rpc, processId } = context;
  const { nodeBytesMax, tickMs } = config;
  const nodes = rpc.client(SignalService);
  const deliveries = new Deliveries({ processId, clock, events, nodes, nodeBytesMax });
  started.defer(() => deliveries.stop());
  const { counters } = events;
  const ticks = new Ticks({
    clock,
    tickMs,
    counters,
    onBatch: (room, batch) => {
      counters.batches++;
      counters.batchBytes += batch.bytes;
      deliveries.offer(room, batch);
    },
    onEnd: () => deliveries.send(),
  });
  return { deliveries, ticks: started.use(ticks) };
}

/** Makes what a room needs beside its order. */
function roomPartsOf(
  chats: OpenedChats['chats'],
  crowd: Crowd,
): (request: PartsRequest) => Promise<RoomParts> {
  return async ({ facts, fence, onChange }) => {
    await using opening = new AsyncDisposableStack();
    const rulebook = opening.use(await chats.open(facts));
    const room = await crowd.open({ roomId: facts.roomId, fence, onChange });
    const { merger, state, presence } = room;
    state.set('rules', rulebook.rules);
    opening.move();
    return { rulebook, merger, state, presence, crowd: room };
  };
}

/** A few failures are an outage: each has been tried again for seconds. */
const logPolicy: BreakerPolicy = {
  window: { calls: 4 },
  tripFailures: 2,
  probes: 1,
  openMsMin: 500,
  openMsMax: 2000,
};

interface Shown {
  readonly rooms: Rooms;
  readonly deliveries: Deliveries;
  readonly tail: DurableTail;
  readonly partitions: Partitions;
}

function showState({ metrics }: Context, { rooms, deliveries, tail, partitions }: Shown): void {
  metrics.gauge('gala_interaction_partitions', 'partitions owned here', () => partitions.size);
  metrics.gauge('gala_interaction_rooms', 'rooms open here', () => rooms.size);
  metrics.gauge('gala_interaction_nodes', 'signal nodes that are sent to', () => deliveries.nodes().length);
  metrics.gauge('gala_interaction_ring_bytes', 'batches kept for repair', () => rooms.ringBytes);
  metrics.gauge('gala_interaction_waiting_bytes', 'batches that wait for nodes', () =>
    deliveries.waitingBytes(),
  );
  metrics.gauge('gala_interaction_tail_bytes', 'control and money kept of the log', () => tail.bytes);
}
