import { invariant } from '../error/index.ts';
import { murmur3 } from './murmur.ts';

/** The share of a node is off by about 1/√1024 = 3 %. */
const pointsPerNode = 1024;
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
    // Where two nodes meet at one point their names decide, so that the order in which they are listed does not.
    const ranked = nodes.toSorted();
    const owners = ranked.map((node) => nodes.indexOf(node));
    const places = placesOf(ranked, this.#seed);
    this.#points = Uint32Array.from(places, (place) => place / nodesMax);
    this.#owners = Uint8Array.from(places, (place) => owners[place % nodesMax]);
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
}

/** Every point of every node with the index of the node in its last digits, ascending. */
function placesOf(nodes: readonly string[], seed: number): Float64Array {
  const places = new Float64Array(nodes.length * pointsPerNode);
  for (const [index, node] of nodes.entries()) {
    for (let serial = 0; serial < pointsPerNode; serial++) {
      places[index * pointsPerNode + serial] = murmur3(`${node}#${serial}`, seed) * nodesMax + index;
    }
  }
  return places.sort();
}
