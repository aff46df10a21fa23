import type { Coord, Member, MemberView } from '@gala/lib/coord';

/** An edge of the installation, as the others see it. */
export interface EdgePeer {
  readonly id: string;
  /** Where other processes reach it: `http://host:port`. */
  readonly internalUrl: string;
  /** What players are told to use, when it is configured: `https://live-2.example`. */
  readonly publicUrl: string | undefined;
  /** The same for all edges that listen on one port together. */
  readonly sharedPort: string | undefined;
}

export interface EdgesOptions {
  readonly coord: Coord;
  readonly self: EdgePeer;
}

const group = 'edge';
/** Edges that take nobody in any more. They stay members: what they have goes on until it is elsewhere. */
const drainingGroup = 'edge/draining';

/** The edges that are alive; reads never wait. */
export class Edges implements AsyncDisposable {
  readonly self: EdgePeer;
  readonly #coord: Coord;
  readonly #members: MemberView;
  readonly #draining: MemberView;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    { coord, self }: EdgesOptions,
    views: readonly [MemberView, MemberView],
    stack: AsyncDisposableStack,
  ) {
    this.self = self;
    this.#coord = coord;
    [this.#members, this.#draining] = views;
    this.#stack = stack;
  }

  /** Makes this process known as an edge. Errors: COORD_UNAVAILABLE. */
  static async join(options: EdgesOptions): Promise<Edges> {
    const { coord, self } = options;
    await using stack = new AsyncDisposableStack();
    const members = stack.use(await coord.members(group));
    const draining = stack.use(await coord.members(drainingGroup));
    stack.use(await coord.join(group, { id: self.id, data: dataOf(self) }));
    return new Edges(options, [members, draining], stack.move());
  }

  find(id: string): EdgePeer | undefined {
    return this.#members
      .list()
      .map(peerOf)
      .find((peer) => peer.id === id);
  }

  /** Those that take viewers and publishers in, without this one. */
  others(): EdgePeer[] {
    const draining = new Set(this.#draining.list().map(({ id }) => id));
    const isOpen = ({ id }: EdgePeer): boolean => id !== this.self.id && !draining.has(id);
    return this.#members.list().map(peerOf).filter(isOpen);
  }

  /** Those that listen on the port of this one, itself included, in no order; none while it listens alone. */
  siblings(): EdgePeer[] {
    const { sharedPort } = this.self;
    if (sharedPort === undefined) return [];
    const draining = new Set(this.#draining.list().map(({ id }) => id));
    const all = this.#members.list().map(peerOf);
    return all.filter((peer) => peer.sharedPort === sharedPort && !draining.has(peer.id));
  }

  onChange(listener: () => void): () => void {
    return this.#members.onChange(listener);
  }

  /** Nobody is sent here any more. */
  async leaveSoon(): Promise<void> {
    this.#stack.use(await this.#coord.join(drainingGroup, { id: this.self.id, data: {} }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

function dataOf({ internalUrl, publicUrl, sharedPort }: EdgePeer): Record<string, string> {
  return { internalUrl, ...(publicUrl && { publicUrl }), ...(sharedPort && { sharedPort }) };
}

/** An edge of a version before says nothing of itself: it cannot be reached, and has the empty address. */
function peerOf({ id, data }: Member): EdgePeer {
  const { internalUrl = '', publicUrl, sharedPort } = data;
  return { id, internalUrl, publicUrl, sharedPort };
}
