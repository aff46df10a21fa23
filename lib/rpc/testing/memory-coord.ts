import type { Coord, Member, MemberView } from '../../coord/index.ts';

/** Membership of one process, kept in memory: what lib/rpc needs of coord, so that its tests need no database. */
export class MemoryCoord implements Pick<Coord, 'join' | 'members'> {
  readonly #groups = new Map<string, Set<Member>>();
  readonly #listeners = new Set<() => void>();

  async join(group: string, member: Member): Promise<AsyncDisposable> {
    this.list(group).add(member);
    this.#tell();
    return {
      [Symbol.asyncDispose]: async () => {
        this.list(group).delete(member);
        this.#tell();
      },
    };
  }

  async members(group: string): Promise<MemberView> {
    return {
      list: () => [...this.list(group)],
      onChange: (listener) => {
        const tell = (): void => listener([...this.list(group)]);
        this.#listeners.add(tell);
        return () => void this.#listeners.delete(tell);
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  list(group: string): Set<Member> {
    const members = this.#groups.get(group) ?? new Set();
    this.#groups.set(group, members);
    return members;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
