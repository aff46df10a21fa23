import type { Coord, MemberView } from '@gala/lib/coord';

/** Signal nodes that are alive, and those of them that take nobody any more. */
const group = 'signal';
const drainingGroup = 'signal/draining';

/** A node as others see it. */
export interface NodePeer {
  readonly id: string;
  /** Where clients reach it alone; undefined where they reach all nodes by one address. */
  readonly publicUrl: string | undefined;
}

/** The signal nodes of the installation; reads never wait. */
export class Nodes implements AsyncDisposable {
  readonly #coord: Coord;
  readonly #selfId: string;
  readonly #members: MemberView;
  readonly #draining: MemberView;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    { coord, self }: { readonly coord: Coord; readonly self: NodePeer },
    [members, draining]: readonly [MemberView, MemberView],
    stack: AsyncDisposableStack,
  ) {
    this.#coord = coord;
    this.#selfId = self.id;
    this.#members = members;
    this.#draining = draining;
    this.#stack = stack;
  }

  /** Makes this process known as a signal node. Errors: COORD_UNAVAILABLE. */
  static async join(coord: Coord, self: NodePeer): Promise<Nodes> {
    await using stack = new AsyncDisposableStack();
    const members = stack.use(await coord.members(group));
    const draining = stack.use(await coord.members(drainingGroup));
    const data: Record<string, string> = self.publicUrl ? { publicUrl: self.publicUrl } : {};
    stack.use(await coord.join(group, { id: self.id, data }));
    return new Nodes({ coord, self }, [members, draining], stack.move());
  }

  /** Those that take clients, without this one. */
  others(): NodePeer[] {
    const draining = new Set(this.#draining.list().map(({ id }) => id));
    return this.#members
      .list()
      .filter(({ id }) => id !== this.#selfId && !draining.has(id))
      .map(({ id, data }) => ({ id, publicUrl: data['publicUrl'] }));
  }

  /** Nobody is sent here any more. */
  async leaveSoon(): Promise<void> {
    this.#stack.use(await this.#coord.join(drainingGroup, { id: this.#selfId, data: {} }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
