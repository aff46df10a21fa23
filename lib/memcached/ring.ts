import { invariant } from '../error/index.ts';
import { murmur3 } from './murmur.ts';

/** Shares of the nodes differ by about 1/√512 = 4 %. */
const pointsPerNode = 512;
const nodesMax = 256;

/**
 * A consistent hash in the manner of ketama: each node stands at many points of a circle of 32 bits, and a key
 * belongs to the next point. A node that comes or goes moves only its own share. The salt places nodes and keys, so
 * that keys which share a node of one ring are spread over all nodes of a ring with another salt.
 */
export class Ring {
  readonly nodes: readonly string[];
  readonly #seed: number;
  /** Ascending; `#owners` has the index in `nodes` of each. */
  readonly #points: Uint32Array;
  readonly #owners: Uint8Array;

  constructor(nodes: readonly string[], salt: string) {
    invariant(nodes.length > 0 && nodes.length <= nodesMax, `a ring has 1 to ${nodesMax} nodes`);
    invariant(new Set(nodes).size === nodes.length, 'each node stands on a ring once');
    this.nodes = nodes;
    this.#seed = murmur3(salt, 0);
    const points = this.#place();
    this.#points = Uint32Array.from(points, ({ point }) => point);
    this.#owners = Uint8Array.from(points, ({ owner }) => owner);
  }

  /** Index in `nodes` of the one that the key belongs to. */
  indexOf(key: string): number {
    const points = this.#points;
    const hash = murmur3(key, this.#seed);
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (points[middle] < hash) low = middle + 1;
      else high = middle;
    }
    return this.#owners[low === points.length ? 0 : low];
  }

  /** Where two nodes meet at one point their names decide, so that the order in which they are listed does not. */
  #place(): { point: number; owner: number }[] {
    const points = this.nodes.flatMap((node, owner) =>
      Array.from({ length: pointsPerNode }, (_, serial) => ({
        point: murmur3(`${node}#${serial}`, this.#seed),
        owner,
      })),
    );
    const nameOf = ({ owner }: { owner: number }): string => this.nodes[owner];
    return points.sort((a, b) => a.point - b.point || (nameOf(a) < nameOf(b) ? -1 : 1));
  }
}
