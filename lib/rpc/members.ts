import type { Coord, Member, MemberView } from '../coord/index.ts';
import { GrpcMember } from './grpc-member.ts';

/** An unreachable member is asked again only after this time, unless there is no other. */
const avoidMs = 1000;
/** How long one attempt to connect may take. */
const connectMsMax = 500;

/** Group of coord in which the members that serve `service` are found, with `{address: 'host:port'}` as data. */
export function groupOf(service: string): string {
  return `rpc/${service}`;
}

/** The other processes, by service: one connection to each, kept while any service that we call lists it. */
export class Members implements AsyncDisposable {
  readonly #coord: Pick<Coord, 'members'>;
  readonly #clusterToken: string;
  readonly #views = new Map<string, Promise<MemberView>>();
  readonly #listed = new Map<string, readonly Member[]>();
  readonly #members = new Map<string, GrpcMember>();
  #closed = false;

  constructor(coord: Pick<Coord, 'members'>, clusterToken: string) {
    this.#coord = coord;
    this.#clusterToken = clusterToken;
  }

  /** Follows the members of a service from now on. Rejects, and is tried anew by the next call, while coord is down. */
  view(service: string): Promise<MemberView> {
    const known = this.#views.get(service);
    if (known) return known;
    const opening = this.#open(service);
    this.#views.set(service, opening);
    opening.catch(() => this.#views.delete(service));
    return opening;
  }

  /**
   * The less busy of two reachable members taken by chance; undefined when there is none but those in `except`.
   * @param only the id of the one member that may be picked
   */
  pick(service: string, except: ReadonlySet<unknown>, only?: string): GrpcMember | undefined {
    const listed = (this.#listed.get(service) ?? []).filter(({ id }) => only === undefined || id === only);
    const addresses = new Set(listed.map(({ data }) => data.address));
    const left = [...addresses]
      .map((address) => this.#memberAt(address))
      .filter((member) => !except.has(member));
    const nowMs = performance.now();
    const reachable = left.filter(({ unreachableAtMs }) => nowMs - unreachableAtMs > avoidMs);
    return lessBusy(reachable.length > 0 ? reachable : left);
  }

  outstanding(): number {
    let sum = 0;
    for (const member of this.#members.values()) sum += member.outstanding;
    return sum;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const views = await Promise.allSettled(this.#views.values());
    for (const view of views) if (view.status === 'fulfilled') await view.value[Symbol.asyncDispose]();
    for (const member of this.#members.values()) member[Symbol.dispose]();
    this.#members.clear();
  }

  async #open(service: string): Promise<MemberView> {
    const view = await this.#coord.members(groupOf(service));
    const update = (): void => {
      this.#listed.set(service, view.list());
      this.#forget();
    };
    view.onChange(update);
    update();
    return view;
  }

  #memberAt(address: string): GrpcMember {
    const known = this.#members.get(address);
    if (known) return known;
    const member = new GrpcMember(address, this.#clusterToken, connectMsMax);
    this.#members.set(address, member);
    return member;
  }

  /** Calls that are under way end by themselves: a member is left when coord says so, not when it is dead. */
  #forget(): void {
    if (this.#closed) return;
    const listed = new Set([...this.#listed.values()].flat().map(({ data }) => data.address));
    for (const [address, member] of this.#members) {
      if (listed.has(address) || member.outstanding > 0) continue;
      this.#members.delete(address);
      member[Symbol.dispose]();
    }
  }
}

function lessBusy(members: readonly GrpcMember[]): GrpcMember | undefined {
  if (members.length < 2) return members[0];
  const first = Math.floor(Math.random() * members.length);
  const second = (first + 1 + Math.floor(Math.random() * (members.length - 1))) % members.length;
  const [a, b] = [members[first], members[second]];
  return a.outstanding <= b.outstanding ? a : b;
}
