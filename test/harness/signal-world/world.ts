import type { ServerMessage } from '@gala/protocol/signals';
import { readStored } from '../../../services/application/interaction/crowd/stored-state.ts';
import type { DurableRecord } from '../../../services/application/interaction/durable/record.ts';
import type { Draft } from '../../../services/application/interaction/types.ts';
import { SimClient } from './client.ts';
import { SimNode } from './node.ts';
import { SimOwner } from './owner.ts';

/** Faults of our own that the simulation has to find. */
export type Bug =
  | 'versions first'
  | 'nodes trust versions'
  | 'lost deliveries are forgotten'
  | 'a gap is told where nobody was asked'
  | undefined;

export const faultNames = [
  'dropped',
  'duplicated',
  'reordered',
  'delayed',
  'nodeCrashes',
  'ownerCrashes',
  'ownerChanges',
  'crashesBetweenWrites',
  'crashesBeforeAcknowledgement',
  'connectionsLost',
  'slowClients',
  'turnedAway',
] as const;
export type FaultCounts = Record<(typeof faultNames)[number], number>;

const partNames = ['announcement', 'mics', 'viewers'];

/** Somebody who reads the collections beside the owner: what he takes for current, he does not read again. */
class StoreReader {
  version = 0;
  values: ReadonlyMap<string, unknown> = new Map();

  poll(hash: ReadonlyMap<string, Buffer>): void {
    const { version, values } = readStored(hash);
    if (version > this.version) [this.version, this.values] = [version, values];
  }
}

/** One room, its owners one after the other, two nodes and three viewers; every step is chosen by the random numbers. */
export class World {
  nowMs = 1_700_000_000_000;
  readonly random: () => number;
  readonly bug: Bug;
  readonly counts: FaultCounts;
  /** The hash of the room's state, and the log: they outlive everything. */
  readonly stored = new Map<string, Buffer>();
  readonly log: DurableRecord[] = [];
  owner: SimOwner | undefined;
  nodes: SimNode[];
  readonly clients: readonly SimClient[];
  readonly #reader = new StoreReader();
  #fence = 0;
  #said = 0;
  #nodes = 0;

  constructor(random: () => number, counts: FaultCounts, bug?: Bug) {
    this.random = random;
    this.counts = counts;
    this.bug = bug;
    this.#takeOver();
    this.nodes = [this.#startNode(), this.#startNode()];
    for (const node of this.nodes) node.work();
    this.clients = [0, 0, 2].map((tier) => new SimClient(tier));
    for (const client of this.clients) client.connect(this.#pick(this.nodes));
  }

  step(): void {
    this.nowMs += 1 + Math.floor(this.random() * 30);
    const chance = this.random();
    if (chance < 0.3) this.#speak();
    else if (chance < 0.5) this.#tick();
    else if (chance < 0.68) this.#move();
    else if (chance < 0.78) this.owner?.write();
    else if (chance < 0.82) this.#reader.poll(this.stored);
    else if (chance < 0.9) this.#work();
    else this.#fail();
  }

  /** Nothing fails any more, until nothing is on its way. Answers what is wrong then. */
  settle(): string[] {
    if (!this.owner) this.#takeOver();
    this.#tick();
    let busy = true;
    for (let round = 0; busy && round < 500; round++) {
      this.nowMs += 10;
      busy = this.#round();
    }
    for (const { turnedAway } of this.clients) this.counts.turnedAway += turnedAway;
    return [...(busy ? ['never settles'] : []), ...this.#wrongs()];
  }

  #round(): boolean {
    const owner = this.owner!;
    let busy = owner.write();
    this.#tellLagging(true);
    for (const node of this.nodes) {
      if (node.room.ownerId !== owner.id) node.tasks.add('open');
      while (node.deliver()) busy = true;
      while (node.work()) busy = true;
      while (node.read()) busy = true;
    }
    for (const client of this.clients) {
      if (!client.isConnected && (busy = true)) client.connect(this.#pick(this.nodes));
      if (client.catchUp()) busy = true;
      while (client.take()) busy = true;
      if (client.ask()) busy = true;
    }
    this.#reader.poll(this.stored);
    return busy;
  }

  #wrongs(): string[] {
    const { owner } = this;
    const wrongs = this.clients.flatMap((client, index) =>
      [...client.faults, ...this.#wrongsOf(client)].map((wrong) => `client ${index}: ${wrong}`),
    );
    const written = owner!.state.above({}).filter(({ name }) => name !== 'viewers');
    for (const { name, value } of written) {
      if (this.#reader.values.get(name) !== value) wrongs.push(`the collections' reader has an old ${name}`);
    }
    return wrongs;
  }

  /** He says himself that he is not current, or has exactly what the owner has. */
  #wrongsOf(client: SimClient): string[] {
    const { room, state } = this.owner!;
    const wrongs: string[] = [];
    if (!client.believesCurrent) wrongs.push('is not current in the end');
    const known = new Map(client.feed.book.parts.map(({ name, value }) => [name, value]));
    const owned = new Map(state.above({}).map(({ name, value }) => [name, value]));
    for (const name of partNames) {
      const [has, is] = [known.get(name) ?? null, owned.get(name) ?? null];
      if (has !== is) wrongs.push(`believes ${name} to be ${JSON.stringify(has)}, not ${JSON.stringify(is)}`);
    }
    const place = client.feed.sequence.position;
    if (place?.epoch !== room.epoch || place.offset !== room.told.offset) {
      wrongs.push(`is at ${place?.epoch}/${place?.offset}, the room at ${room.epoch}/${room.told.offset}`);
    }
    // What the log has counts, whether its author was answered or not: he is, when he asks again.
    const due = this.log.filter(({ number }) => number > client.since!).map(({ draft }) => draft.signalId);
    const seen = client.durables.filter((id) => due.includes(id));
    if (seen.join() !== due.join()) {
      wrongs.push(`control and money: saw ${seen.join()} of ${due.join()}`);
    }
    return wrongs;
  }

  #speak(): void {
    const { owner } = this;
    if (!owner) return;
    const kind = Math.floor(this.random() * 5);
    const signalId = `s${++this.#said}`;
    const author = { userId: 1 + (this.#said % 7), name: 'somebody', role: 'viewer' } as const;
    if (kind === 0) owner.state.set(this.#pick(partNames), this.#said);
    else if (kind === 1)
      this.#sayDurable({
        type: 'gift',
        class: 'money',
        signalId,
        author,
        giftId: 'rose',
        count: 1,
        entryId: signalId,
      });
    else if (kind === 2) this.#sayDurable({ type: 'retract', class: 'control', signalId, retracted: 's1' });
    else if (kind === 3) owner.say({ type: 'like', class: 'ambient', signalId: '', count: 3 });
    else
      owner.say({
        type: 'comment',
        class: 'member',
        signalId,
        author,
        text: `text ${this.#said % 5}`,
        count: 1,
      });
  }

  #sayDurable(draft: Draft): void {
    const owner = this.owner!;
    const record = owner.append(draft);
    if (this.random() < 0.02) {
      this.counts.crashesBeforeAcknowledgement++;
      return this.#crashOwner();
    }
    owner.acknowledge(record);
  }

  #tick(): void {
    const { owner } = this;
    const batch = owner?.tick();
    for (const node of this.nodes) {
      if (batch && owner!.room.nodes.has(node.id) && !owner!.lagging.has(node.id)) node.inbox.push(batch);
    }
    if (owner) this.#tellLagging(false);
  }

  /** After a call that failed the node is told where the room is. */
  #tellLagging(isCertain: boolean): void {
    const owner = this.owner!;
    for (const node of this.nodes) {
      if (!owner.lagging.has(node.id) || (!isCertain && this.random() < 0.5)) continue;
      owner.lagging.delete(node.id);
      if (this.bug !== 'lost deliveries are forgotten') node.inbox.push(owner.room.position(this.nowMs).wire);
    }
  }

  #move(): void {
    const node = this.#pick(this.nodes);
    const client = this.#pick(this.clients);
    if (this.random() < 0.4) node.deliver();
    else if (client.isConnected) client.take();
    else if (node.isOpen) client.connect(node);
    if (this.random() < 0.2) client.catchUp();
  }

  #work(): void {
    const node = this.#pick(this.nodes);
    if (this.owner && node.room.ownerId !== this.owner.id && this.random() < 0.3) node.tasks.add('open');
    if (this.random() < 0.6) node.work();
    else node.read();
    this.#pick(this.clients).ask();
  }

  #fail(): void {
    const kind = Math.floor(this.random() * 11);
    const node = this.#pick(this.nodes);
    const client = this.#pick(this.clients);
    if (kind < 6) this.#failDelivery(kind, node);
    else if (kind === 6) this.#failLink(client);
    else if (kind === 7 && client.isConnected && ++this.counts.slowClients) client.isSlow = true;
    else if (kind === 8 && client.isConnected && ++this.counts.connectionsLost) client.disconnect();
    else if (kind === 9 && this.random() < 0.3) this.#crashNode(node);
    else if (kind === 10 && this.random() < 0.5) this.#changeOwner();
  }

  #failDelivery(kind: number, node: SimNode): void {
    const { inbox } = node;
    if (inbox.length === 0) return;
    if (kind < 3) {
      this.counts.dropped++;
      // A call that fails takes everything with it that it carried.
      node.inbox = [];
      if (this.owner?.room.nodes.has(node.id)) this.owner.lagging.add(node.id);
    } else if (kind === 3) {
      this.counts.duplicated++;
      inbox.push(this.#pick(inbox));
    } else if (kind === 4 && inbox.length > 1) {
      this.counts.reordered++;
      inbox.push(inbox.shift()!);
    } else {
      this.counts.delayed++;
      this.nowMs += 500;
    }
  }

  /** Batches with a place may come twice, and in another order, where a client hears of two nodes at once. */
  #failLink({ inbox }: SimClient): void {
    const at = inbox.findIndex((message, index) => hasPlace(message) && hasPlace(inbox[index + 1]));
    if (at < 0) return;
    this.counts.reordered++;
    this.counts.duplicated++;
    [inbox[at], inbox[at + 1]] = [inbox[at + 1], inbox[at]];
    inbox.splice(at + 2, 0, inbox[at]);
  }

  #crashNode(node: SimNode): void {
    this.counts.nodeCrashes++;
    for (const client of this.clients) if (client.node === node) client.disconnect();
    this.owner?.room.nodes.delete(node.id);
    this.owner?.lagging.delete(node.id);
    this.nodes = this.nodes.map((each) => (each === node ? this.#startNode() : each));
  }

  #changeOwner(): void {
    if (!this.owner) return this.#takeOver();
    if (this.random() < 0.5) return this.#crashOwner();
    // Handed over: what was said goes out, and what changed is written.
    this.counts.ownerChanges++;
    this.#tick();
    while (this.owner.write());
    this.#takeOver();
  }

  #crashOwner(): void {
    this.counts.ownerCrashes++;
    if (this.owner!.isBetweenWrites) this.counts.crashesBetweenWrites++;
    this.owner = undefined;
    if (this.random() < 0.5) this.#moveClients();
  }

  /** They come back while nobody owns the room: where its nodes do not reach back, nobody can tell what they missed. */
  #moveClients(): void {
    const open = this.nodes.filter(({ isOpen }) => isOpen);
    const [node] = open.toSorted((one, other) => other.room.ring.base - one.room.ring.base);
    for (const client of node ? this.clients : []) {
      this.counts.connectionsLost++;
      client.disconnect();
      client.connect(node);
    }
    while (node?.read());
  }

  #takeOver(): void {
    this.owner = new SimOwner(this, ++this.#fence);
  }

  #startNode(): SimNode {
    return new SimNode(this, `node-${++this.#nodes}`);
  }

  #pick<Each>(all: readonly Each[]): Each {
    return all[Math.floor(this.random() * all.length)];
  }
}

function hasPlace(message: ServerMessage | undefined): boolean {
  return message?.type === 'batch' && message.batch.epoch !== 0;
}
