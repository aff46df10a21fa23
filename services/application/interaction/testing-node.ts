import { hasCode } from '@gala/lib/error';
import { ringFirst } from '@gala/lib/ring';
import type { Client, Rpc } from '@gala/lib/rpc';
import { InteractionService, type RoomBatch } from '@gala/protocol/interaction';
import { SignalService, type PeerDelivery } from '@gala/protocol/signal';
import {
  decodeSignals,
  partitionOfRoom,
  ringKeyOfPartition,
  signalClasses,
  type Signal,
} from '@gala/protocol/signals';
import type { TestProcess } from './testing.ts';

/** What one room has said, as a viewer at one node has it who counts each signal once. */
export class SeenRoom {
  readonly roomId: number;
  epoch = 0;
  offset = 0;
  durable = 0;
  stateVersion = 0;
  gaps = 0;
  /** Batches that said nothing new. */
  repeated = 0;
  readonly signals: Signal[] = [];
  readonly state = new Map<string, unknown>();
  readonly #ids = new Set<string>();

  constructor(roomId: number) {
    this.roomId = roomId;
  }

  /** False when something before it is missing. */
  take(batch: RoomBatch): boolean {
    const [epoch, from, to] = [Number(batch.epoch), Number(batch.from), Number(batch.to)];
    if (epoch !== 0 && epoch !== this.epoch) return false;
    if (epoch !== 0 && from > this.offset + 1) return false;
    if (epoch === 0 || to > this.offset) this.#add(batch);
    else if (from <= to) this.repeated++;
    if (epoch !== 0) this.offset = Math.max(this.offset, to);
    this.durable = Math.max(this.durable, Number(batch.durable));
    for (const { name, value } of batch.state)
      this.state.set(name, JSON.parse(Buffer.from(value).toString()));
    return true;
  }

  /** Texts of comments and names of notices, in the order in which they came. */
  said(): string[] {
    return this.signals.map((signal) => {
      if (signal.type === 'comment') return signal.text;
      return signal.type === 'notice' ? signal.name : signal.type;
    });
  }

  #add(batch: RoomBatch): void {
    const base = { from: Number(batch.from), atMs: Number(batch.atMs) };
    const sections = batch.sections.filter(({ tiers }) => tiers & 1);
    const signals = sections.flatMap(({ class: number, items, payload }) =>
      decodeSignals({ class: signalClasses[number], items, payload }, base),
    );
    for (const signal of signals.toSorted((one, other) => one.offset - other.offset)) {
      if (signal.signalId !== '' && this.#ids.has(signal.signalId)) continue;
      this.#ids.add(signal.signalId);
      this.signals.push(signal);
    }
  }
}

/** A signal node as far as owners see it: it opens rooms, takes what they say, and repairs what it missed. */
export class TestNode {
  readonly id: string;
  readonly peers: PeerDelivery[] = [];
  /** While false deliveries fail. */
  isUp = true;
  deliveries = 0;
  readonly #rpc: Rpc;
  readonly #interaction: Client<typeof InteractionService>;
  readonly #rooms = new Map<number, SeenRoom>();
  readonly #repairing = new Map<number, Promise<void>>();
  readonly #owners = new Map<number, string>();
  #watching: NodeJS.Timeout | undefined;

  private constructor({ context, rpc, interaction }: TestProcess) {
    this.id = context.processId;
    this.#rpc = rpc;
    this.#interaction = interaction;
  }

  static async start(of: TestProcess): Promise<TestNode> {
    const node = new TestNode(of);
    const unused = async (): Promise<never> => {
      throw new Error('the test node does not do this');
    };
    await of.rpc.serve(SignalService, {
      deliver: async ({ batches, peers }) => node.#deliver(batches, peers),
      getNode: unused,
      kick: unused,
      drain: unused,
    });
    return node;
  }

  /** Opens rooms anew whenever the ring names another owner, as nodes do. */
  followOwners(): Disposable {
    this.#watching = setInterval(() => void this.#lookForOwners(), 50);
    return { [Symbol.dispose]: () => clearInterval(this.#watching) };
  }

  /** The member that should own the room, by the ring. */
  async ownerOf(roomId: number): Promise<string> {
    const members = await this.#rpc.members(InteractionService);
    return ringFirst(members, ringKeyOfPartition(partitionOfRoom(roomId))) ?? '';
  }

  /** Tries again until an owner takes it. */
  async call<Answer>(
    roomId: number,
    work: (interaction: Client<typeof InteractionService>, options: { member: string }) => Promise<Answer>,
  ): Promise<Answer> {
    for (;;) {
      try {
        return await work(this.#interaction, { member: await this.ownerOf(roomId) });
      } catch (error) {
        if (!hasCode(error, 'NOT_OWNER', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED')) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async open(roomId: number): Promise<SeenRoom> {
    const room = this.#rooms.get(roomId) ?? new SeenRoom(roomId);
    const opened = await this.call(roomId, (interaction, options) =>
      interaction.openRoom({ roomId: BigInt(roomId), node: this.id }, options),
    );
    if (room.epoch === 0) {
      room.epoch = Number(opened.epoch);
      room.offset = Number(opened.offset);
      room.durable = Number(opened.durable);
    }
    for (const { name, value } of opened.state)
      room.state.set(name, JSON.parse(Buffer.from(value).toString()));
    this.#rooms.set(roomId, room);
    if (room.epoch !== Number(opened.epoch)) await this.repair(roomId);
    return room;
  }

  async #lookForOwners(): Promise<void> {
    for (const roomId of this.#rooms.keys()) {
      const owner = await this.ownerOf(roomId);
      const before = this.#owners.get(roomId);
      this.#owners.set(roomId, owner);
      if (before !== undefined && before !== owner && owner !== '') void this.repair(roomId);
    }
  }

  /** Opens anew what another owner has by now, and reads what was missed. */
  repair(roomId: number): Promise<void> {
    const known = this.#repairing.get(roomId);
    if (known) return known;
    const repairing = this.#repair(this.#rooms.get(roomId)!).finally(() => this.#repairing.delete(roomId));
    this.#repairing.set(roomId, repairing);
    return repairing;
  }

  async #repair(room: SeenRoom): Promise<void> {
    const { roomId } = room;
    for (let isWhole = false; !isWhole;) {
      const { epoch, offset, durable } = room;
      const position = {
        epoch: BigInt(epoch),
        after: BigInt(offset),
        afterDurable: BigInt(durable),
        limit: 100,
      };
      const read = await this.call(roomId, async (interaction, options) => {
        await interaction.openRoom({ roomId: BigInt(roomId), node: this.id }, options);
        return interaction.readBatches({ roomId: BigInt(roomId), ...position }, options);
      });
      if (!read.complete) {
        room.gaps++;
        const first = read.batches.find((batch) => batch.epoch !== 0n);
        room.epoch = Number(read.epoch);
        room.offset = first ? Number(first.from) - 1 : Number(read.offset);
      }
      for (const batch of read.batches) room.take(batch);
      isWhole = room.offset >= Number(read.offset);
    }
  }

  #deliver(batches: readonly RoomBatch[], peers: readonly PeerDelivery[]) {
    if (!this.isUp) throw new Error('the test node is down');
    this.deliveries++;
    this.peers.push(...peers);
    const unknownRooms: bigint[] = [];
    for (const batch of batches) {
      const room = this.#rooms.get(Number(batch.roomId));
      if (!room) unknownRooms.push(batch.roomId);
      else if (!room.take(batch)) void this.repair(room.roomId);
    }
    return { unknownRooms };
  }
}
