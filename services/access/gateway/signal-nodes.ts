import { LoadingCache } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { ringOrder } from '@gala/lib/ring';
import type { GetNodeResponse, SignalService } from '@gala/protocol/signal';
import type { Spread } from './spread.ts';

/** What is known of the nodes is asked for again after this; the first who asks waits, later ones do not. */
const freshMs = 2_000;
/** And is good for so long while it cannot be asked. */
const knownMs = 60_000;
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
  readonly #known: LoadingCache<'nodes', readonly KnownNode[]>;

  constructor(nodes: Spread<typeof SignalService>, clock: Clock) {
    this.#nodes = nodes;
    this.#known = new LoadingCache({
      clock,
      entriesMax: 1,
      ttlMs: freshMs,
      jitterShare: 0,
      revalidateMsMax: knownMs,
      staleMsMax: knownMs,
      isKept: (known) => known.length > 0,
    });
  }

  /** In the order to try; empty while there is none. @throws CodedError UNAVAILABLE while the members are not known */
  async forRoom(roomId: number): Promise<KnownNode[]> {
    const known = await this.#known.get('nodes', () => this.#ask());
    const open = known.filter(({ node }) => !node.draining && node.connections < node.connectionsMax);
    const byId = new Map(open.map((each) => [each.id, each]));
    const order = ringOrder(byId.keys(), `signal/${roomId}`);
    const wide = Math.min(order.length, 1 + Math.floor(clientsOf(roomId, known) / clientsPerNode));
    const near = order.slice(0, wide).toSorted((one, other) => loadOf(byId, one) - loadOf(byId, other));
    return [...near, ...order.slice(wide)].slice(0, namedMax).flatMap((id) => byId.get(id) ?? []);
  }

  async #ask(): Promise<readonly KnownNode[]> {
    const { answers } = await this.#nodes.ask({}, (node, options) => node.getNode({}, options));
    return answers.map(({ member, answer }) => ({ id: member, node: answer }));
  }
}

function clientsOf(roomId: number, known: readonly KnownNode[]): number {
  let sum = 0;
  for (const { node } of known) {
    sum += node.largestRooms.find((room) => Number(room.roomId) === roomId)?.connections ?? 0;
  }
  return sum;
}

function loadOf(nodes: ReadonlyMap<string, KnownNode>, id: string): number {
  const { node } = nodes.get(id)!;
  return node.connections / node.connectionsMax;
}
