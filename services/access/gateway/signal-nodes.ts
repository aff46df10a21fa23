import type { Clock } from '@gala/lib/clock';
import { ringOrder } from '@gala/lib/ring';
import type { GetNodeResponse, SignalService } from '@gala/protocol/signal';
import type { Spread } from './spread.ts';

/** What is known of the nodes is asked for again after this; the first who asks waits, later ones do not. */
const freshMs = 2_000;
/** Clients of a room that one node gets before the next node gets some as well. */
const clientsPerNode = 4_000;
/** Nodes that a client is told to try. */
const namedMax = 3;

export interface KnownNode {
  readonly id: string;
  readonly node: GetNodeResponse;
}

/**
 * Which signal nodes a room's clients are sent to: by ring, so that a small room is at one node and each batch of it
 * crosses the network once; over as many as its size needs; and never to nodes that are full or drain.
 */
export class SignalNodes {
  readonly #nodes: Spread<typeof SignalService>;
  readonly #clock: Clock;
  #known: readonly KnownNode[] = [];
  #askedAtMs = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(nodes: Spread<typeof SignalService>, clock: Clock) {
    this.#nodes = nodes;
    this.#clock = clock;
  }

  /** In the order to try; empty while there is none. @throws CodedError UNAVAILABLE while the members are not known */
  async forRoom(roomId: number): Promise<KnownNode[]> {
    await this.#refresh();
    const open = this.#known.filter(({ node }) => !node.draining && node.connections < node.connectionsMax);
    const byId = new Map(open.map((each) => [each.id, each]));
    const order = ringOrder(byId.keys(), `signal/${roomId}`);
    const wide = Math.min(order.length, 1 + Math.floor(this.#clientsOf(roomId) / clientsPerNode));
    const near = order.slice(0, wide).toSorted((one, other) => loadOf(byId, one) - loadOf(byId, other));
    return [...near, ...order.slice(wide)].slice(0, namedMax).flatMap((id) => byId.get(id) ?? []);
  }

  #clientsOf(roomId: number): number {
    let sum = 0;
    for (const { node } of this.#known) {
      sum += node.largestRooms.find((room) => Number(room.roomId) === roomId)?.connections ?? 0;
    }
    return sum;
  }

  #refresh(): Promise<void> | void {
    if (this.#clock.monotonicMs() - this.#askedAtMs < freshMs) return;
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#known.length === 0 ? this.#asking : void this.#asking.catch(() => undefined);
  }

  async #ask(): Promise<void> {
    const { answers } = await this.#nodes.ask({}, (node, options) => node.getNode({}, options));
    this.#known = answers.map(({ member, answer }) => ({ id: member, node: answer }));
    this.#askedAtMs = this.#clock.monotonicMs();
  }
}

function loadOf(nodes: ReadonlyMap<string, KnownNode>, id: string): number {
  const { node } = nodes.get(id)!;
  return node.connections / node.connectionsMax;
}
