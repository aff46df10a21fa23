import type { Clock } from '@gala/lib/clock';
import { Backoff } from '@gala/lib/lifecycle';
import type { Client } from '@gala/lib/rpc';
import type { SignalService } from '@gala/protocol/signal';
import type { RoomBatch, WirePeer } from './encoding.ts';
import type { InteractionEvents } from './events.ts';
import type { Room } from './room.ts';

export interface DeliveryOptions {
  readonly processId: string;
  readonly clock: Clock;
  readonly events: InteractionEvents;
  readonly nodes: Client<typeof SignalService>;
  /** Bytes that wait for one node. */
  readonly nodeBytesMax: number;
}

/** One call carries at most so many bytes, well below the largest message. */
const callBytesMax = 2 ** 20;
const callBatchesMax = 2000;
const callMsMax = 2000;
const peersMax = 10_000;
const retry = { initialMs: 50, maxMs: 1000 };

/** What this process has for signal nodes, one call under way to each. */
export class Deliveries {
  readonly #options: DeliveryOptions;
  readonly #lanes = new Map<string, NodeLane>();
  #openings = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  nodes(): readonly string[] {
    return [...this.#lanes.keys()];
  }

  /** From now on the node is sent what the room says. */
  open(room: Room, node: string): void {
    room.nodes.set(node, ++this.#openings);
    room.idleSinceMs = undefined;
    this.#laneOf(node).rooms.set(room.roomId, room);
  }

  close(room: Room, node: string): void {
    room.nodes.delete(node);
    const lane = this.#lanes.get(node);
    if (lane?.rooms.get(room.roomId) === room) lane.rooms.delete(room.roomId);
  }

  closeAll(room: Room): void {
    for (const node of room.nodes.keys()) this.close(room, node);
  }

  offer(room: Room, batch: RoomBatch): void {
    for (const node of room.nodes.keys()) this.#lanes.get(node)?.offer(room, batch);
  }

  /** To named connections of one node. */
  offerPeer(node: string, peer: WirePeer): void {
    this.#laneOf(node).offerPeer(peer);
  }

  /** Sends what waits, to the nodes that are not busy. */
  send(): void {
    for (const lane of this.#lanes.values()) lane.send();
  }

  /** The node is gone. Its rooms are those that it had open. */
  drop(node: string): readonly Room[] {
    const lane = this.#lanes.get(node);
    if (!lane) return [];
    this.#lanes.delete(node);
    lane.stop();
    const rooms = [...lane.rooms.values()];
    for (const room of rooms) room.nodes.delete(node);
    return rooms;
  }

  /** Until nothing waits for these nodes any more, or a call failed. */
  async settle(nodes: Iterable<string>): Promise<void> {
    await Promise.all([...new Set(nodes)].map(async (node) => this.#lanes.get(node)?.settled()));
  }

  stop(): void {
    for (const lane of this.#lanes.values()) lane.stop();
  }

  waitingBytes(): number {
    let sum = 0;
    for (const { bytes } of this.#lanes.values()) sum += bytes;
    return sum;
  }

  #laneOf(node: string): NodeLane {
    const known = this.#lanes.get(node);
    if (known) return known;
    const lane = new NodeLane(node, this.#options, () => this.#openings);
    this.#lanes.set(node, lane);
    return lane;
  }
}

interface Waiting {
  readonly room: Room;
  readonly batch: RoomBatch;
}

/**
 * What waits for one node. A call that fails is not repeated: the node finds the gap and reads what it missed. So that
 * it finds it also when the room falls silent, it is told afterwards where each of these rooms is.
 */
class NodeLane {
  readonly rooms = new Map<number, Room>();
  bytes = 0;
  readonly #node: string;
  readonly #options: DeliveryOptions;
  readonly #lastOpening: () => number;
  readonly #backoff = new Backoff(retry);
  readonly #stopped = new AbortController();
  #batches: Waiting[] = [];
  #peers: WirePeer[] = [];
  #lagging = new Set<Room>();
  #sending: Promise<void> | undefined;

  constructor(node: string, options: DeliveryOptions, lastOpening: () => number) {
    this.#node = node;
    this.#options = options;
    this.#lastOpening = lastOpening;
  }

  offer(room: Room, batch: RoomBatch): void {
    if (this.#lagging.has(room)) return this.#shed(1);
    if (this.bytes + batch.bytes > this.#options.nodeBytesMax) this.#overflow();
    this.#batches.push({ room, batch });
    this.bytes += batch.bytes;
  }

  offerPeer(peer: WirePeer): void {
    const { counters } = this.#options.events;
    if (this.#peers.length >= peersMax) {
      counters.peersShed++;
      return;
    }
    this.#peers.push(peer);
    this.send();
  }

  send(): void {
    if (this.#sending || this.#stopped.signal.aborted || this.#isEmpty()) return;
    this.#sending = this.#drain().finally(() => (this.#sending = undefined));
  }

  async settled(): Promise<void> {
    this.send();
    await this.#sending;
  }

  stop(): void {
    this.#stopped.abort();
  }

  #isEmpty(): boolean {
    return this.#batches.length === 0 && this.#peers.length === 0 && this.#lagging.size === 0;
  }

  async #drain(): Promise<void> {
    while (!this.#isEmpty() && !this.#stopped.signal.aborted) {
      if (await this.#call()) this.#backoff.reset();
      else await this.#backoff.wait(this.#stopped.signal).catch(() => undefined);
    }
  }

  async #call(): Promise<boolean> {
    const { nodes, processId: owner, events } = this.#options;
    const opening = this.#lastOpening();
    const batches = this.#take();
    const peers = this.#peers.splice(0, peersMax);
    try {
      const request = { owner, batches: batches.map(({ batch }) => batch.wire), peers };
      const options = { member: this.#node, timeoutMs: callMsMax, signal: this.#stopped.signal };
      const { unknownRooms } = await nodes.deliver(request, options);
      events.counters.deliveries++;
      events.counters.peersDelivered += peers.length;
      for (const roomId of unknownRooms) this.#forget(Number(roomId), opening);
      return true;
    } catch (error) {
      if (this.#stopped.signal.aborted) return false;
      events.deliveryFailed(this.#node, error, this.#backoff.attempts === 0);
      events.counters.peersShed += peers.length;
      for (const { room } of batches) this.#lagging.add(room);
      this.#shed(batches.length);
      return false;
    }
  }

  /** Where rooms that lag are comes first: after it the node can tell what follows from what is missing. */
  #take(): Waiting[] {
    const nowMs = this.#options.clock.nowMs();
    const taken: Waiting[] = [];
    for (const room of this.#lagging) {
      if (taken.length >= callBatchesMax) return taken;
      this.#lagging.delete(room);
      if (!room.isClosed && room.nodes.has(this.#node)) taken.push({ room, batch: room.position(nowMs) });
    }
    let count = 0;
    let bytes = 0;
    for (const { batch } of this.#batches) {
      if (count > 0 && (bytes + batch.bytes > callBytesMax || taken.length + count >= callBatchesMax)) break;
      bytes += batch.bytes;
      count++;
    }
    this.bytes -= bytes;
    taken.push(...this.#batches.splice(0, count));
    return taken;
  }

  /** The node is so far behind that it repairs by reading, all at once. */
  #overflow(): void {
    for (const { room } of this.#batches) this.#lagging.add(room);
    this.#shed(this.#batches.length);
    this.#batches = [];
    this.bytes = 0;
  }

  #shed(batches: number): void {
    this.#options.events.counters.deliveriesShed += batches;
  }

  /** Nobody watches it there, unless somebody has come while this was said. */
  #forget(roomId: number, opening: number): void {
    const room = this.rooms.get(roomId);
    if (!room || (room.nodes.get(this.#node) ?? 0) > opening) return;
    room.nodes.delete(this.#node);
    this.rooms.delete(roomId);
  }
}
