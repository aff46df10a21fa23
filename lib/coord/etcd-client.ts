import { Etcd3, EtcdLeaseInvalidError, type ILeaseKeepAliveResponse, type IOptions } from 'etcd3';
import { CodedError } from '../error/index.ts';
import { within } from '../timing/index.ts';
import { coordErrors } from './errors.ts';

export interface EtcdAccess {
  /** `http://host:port` or `https://host:port` of each member, all of one kind. */
  readonly endpoints: readonly string[];
  readonly user?: { readonly name: string; readonly password: string };
  /** PEM; with `https` endpoints and without this the system's authorities are trusted. */
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

/** One request; a second try at another member fits within a lease. */
export const callWithinMs = 800;

/**
 * The first request on a connection: TLS, and the check of a password, which costs the engine more the busier
 * its machine is, so that with one short limit nobody would ever get in. A member that hangs costs the first only.
 */
const openWithinMs = [callWithinMs, 2 * callWithinMs, 4 * callWithinMs] as const;
const signInWithinMs = openWithinMs[2];

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

/**
 * The client's own fault handling is left out. Its breaker opens for 5 s after three failures, longer than
 * a lease lives, also for an oversize request; its three retries repeat a compare-and-set whose first answer
 * was lost, which then reads as a defeat; and it spreads calls over the members, so that a stream may hang
 * at one that no call has found dead.
 */
const through = { execute: async (work: (context: object) => unknown) => work({}) } as unknown as Policy;

const channelOptions = {
  // The default waits 1 s, and up to 2 minutes after a long absence.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 2000,
  // A large group when it is listed; requests stay far below etcd's bound of 1.5 MB.
  'grpc.max_receive_message_length': 32 * 1024 * 1024,
};

let serial = 0;

/** One connection to one member of the cluster; after its first failure it is closed and another is opened. */
export class EtcdLink {
  readonly endpoint: string;
  /** It has answered. */
  isOpen = false;
  readonly #client: Etcd3;
  readonly #onClose = new Set<() => void>();
  #closed = false;

  constructor(endpoint: string, { user, tls }: EtcdAccess) {
    this.endpoint = endpoint;
    this.#client = new Etcd3({
      hosts: [endpoint],
      auth: user && { username: user.name, password: user.password },
      credentials: tls && { rootCertificate: tls.ca, privateKey: tls.key, certChain: tls.cert },
      // Channels of the same options share a connection, also a dead one: those of one link and no others shall.
      grpcOptions: { ...channelOptions, 'grpc.primary_user_agent': `gala/${++serial}` },
      defaultCallOptions: ({ isStream, service }) => {
        if (isStream) return {};
        return { deadline: Date.now() + (service === 'Auth' ? signInWithinMs : callWithinMs) };
      },
      faultHandling: { host: () => through, global: through },
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  get kv() {
    return this.#client.kv;
  }

  get leases() {
    return this.#client.leaseClient;
  }

  get maintenance() {
    return this.#client.maintenance;
  }

  watch() {
    return this.#client.watchClient.watch();
  }

  /** Renews a lease once; the seconds that it has from now, 0 when it is gone. */
  async keepAlive(id: string): Promise<number> {
    const stream = await this.leases.leaseKeepAlive({ deadline: Date.now() + callWithinMs });
    const { promise, resolve, reject } = Promise.withResolvers<ILeaseKeepAliveResponse>();
    stream
      .on('data', resolve)
      .on('error', reject)
      .on('end', () => reject(new Error('the renewal was not answered')));
    stream.write({ ID: id });
    const { TTL } = await promise.finally(() => stream.end());
    return Number(TTL);
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClose.add(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#onClose) listener();
    this.#client.close();
  }
}

/** The members of a cluster: one is used until it fails, then the next. */
export class EtcdClient {
  readonly #access: EtcdAccess;
  #index: number;
  #link: EtcdLink | undefined;
  /** The link whose first request is under way: others that are in a hurry leave it alone. */
  #opening: EtcdLink | undefined;

  constructor(access: EtcdAccess) {
    this.#access = access;
    // Processes begin at different members.
    this.#index = Math.floor(Math.random() * access.endpoints.length);
  }

  link(): EtcdLink {
    if (this.#link && !this.#link.closed) return this.#link;
    const { endpoints } = this.#access;
    this.#link = new EtcdLink(endpoints[this.#index % endpoints.length], this.#access);
    return this.#link;
  }

  /** Closes a link that failed; the next call goes to the next member. */
  fail(link: EtcdLink): void {
    link.close();
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#index++;
  }

  /**
   * Makes sure that there is a link which has answered: for a time when nothing is held that waiting could lose.
   * `read` asks for something small. Errors: COORD_UNAVAILABLE.
   */
  async open(read: (link: EtcdLink, options: { deadline: number }) => Promise<unknown>): Promise<void> {
    for (const withinMs of openWithinMs) {
      const link = this.link();
      if (link.isOpen) return;
      this.#opening = link;
      try {
        const options = { deadline: Date.now() + withinMs };
        await this.#answer(link, () => within(withinMs, read(link, options), unanswered));
        return;
      } catch (error) {
        this.fail(link);
        if (withinMs === openWithinMs.at(-1)) throw error;
      } finally {
        this.#opening = undefined;
      }
    }
  }

  /** One try within the time limit. Errors: COORD_UNAVAILABLE; EtcdLeaseInvalidError, which is an answer. */
  async once<Result>(work: (link: EtcdLink) => Promise<Result>): Promise<Result> {
    const link = this.link();
    try {
      return await this.#answer(link, () => within(callWithinMs + 100, work(link), unanswered));
    } catch (error) {
      if (!(error instanceof EtcdLeaseInvalidError) && link !== this.#opening) this.fail(link);
      throw error;
    }
  }

  async #answer<Result>(link: EtcdLink, work: () => Promise<Result>): Promise<Result> {
    try {
      const result = await work();
      link.isOpen = true;
      return result;
    } catch (cause) {
      if (cause instanceof EtcdLeaseInvalidError) throw cause;
      throw new CodedError(coordErrors, 'COORD_UNAVAILABLE', { cause, detail: link.endpoint });
    }
  }

  /** A second try at the next member; `isRepeated` tells the work that the first may have been done. */
  async twice<Result>(work: (link: EtcdLink, isRepeated: boolean) => Promise<Result>): Promise<Result> {
    try {
      return await this.once((link) => work(link, false));
    } catch (error) {
      if (error instanceof EtcdLeaseInvalidError) throw error;
      return this.once((link) => work(link, true));
    }
  }

  close(): void {
    this.#link?.close();
    this.#link = undefined;
  }
}

/** The client asks for a new token as often as one is refused, without end; closing its link ends that. */
function unanswered(): never {
  throw new Error('no answer in time');
}
