import { LoadingCache } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { CodedError, hasCode } from '@gala/lib/error';
import { Outbound } from '@gala/lib/outbound';
import type { Client } from '@gala/lib/rpc';
import type { AccountService } from '@gala/protocol/account';
import { edgeErrors } from '@gala/protocol/errors';
import { Visibility, type RoomService } from '@gala/protocol/room';
import type { Admission } from '../admission.ts';
import type { Ingest } from '../ingest.ts';
import type { StreamRef, StreamSource } from '../stream-lookup.ts';
import type { Stream } from '../stream.ts';
import type { PullEvents } from './events.ts';
import { Pull } from './pull.ts';

export interface PullsOptions {
  readonly config: {
    readonly sourcesMax: number;
    readonly idleMs: number;
    readonly silentMs: number;
    readonly privateSources: boolean;
  };
  readonly accounts: Client<typeof AccountService>;
  readonly rooms: Client<typeof RoomService>;
  readonly clock: Clock;
  readonly admission: Admission;
  readonly ingest: Ingest;
  readonly events: PullEvents;
  readonly isWatched: (stream: Stream) => boolean;
}

/** What a host has set, if he can be pulled. */
interface HostSource {
  readonly hostId: number;
  readonly url: string;
}

/** Names are made up as easily as asked for: what is known of them is bounded and short-lived. */
const namesMax = 4096;
const namesTtlMs = 2_000;
const namesLoadsMax = 64;
/** How long a source that failed is not tried again, however many ask. */
const failedMs = 2_000;

/** Back-to-source: the streams of hosts who name a source, from the first viewer of `/live/@<name>` to the last. */
export class Pulls implements StreamSource, AsyncDisposable {
  readonly #options: PullsOptions;
  readonly #outbound: Outbound;
  readonly #sources: LoadingCache<string, HostSource | undefined>;
  readonly #byHost = new Map<number, Pull>();

  constructor(options: PullsOptions) {
    this.#options = options;
    this.#outbound = new Outbound({ allowPrivate: options.config.privateSources });
    this.#sources = new LoadingCache({
      clock: options.clock,
      entriesMax: namesMax,
      ttlMs: namesTtlMs,
      loadsMax: namesLoadsMax,
    });
  }

  get size(): number {
    return this.#byHost.size;
  }

  /** @throws CodedError UNAVAILABLE when the hosts cannot be asked about */
  async open({ hostName }: StreamRef): Promise<Stream | undefined> {
    if (hostName === undefined || this.#options.config.sourcesMax === 0) return undefined;
    const name = hostName.toLowerCase();
    const source = await this.#sources.get(name, () => this.#find(name));
    if (!source) return undefined;
    const pull = this.#byHost.get(source.hostId) ?? this.#begin(source);
    // Why it failed is for the operator: the answer may be about somebody's network.
    return pull.onAir.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pulls = [...this.#byHost.values()];
    for (const pull of pulls) pull.end('edge_closed');
    await Promise.all(pulls.map(({ done }) => done));
  }

  #begin({ hostId, url }: HostSource): Pull {
    const { config, events } = this.#options;
    if (this.size >= config.sourcesMax) {
      events.refused(hostId);
      throw new CodedError(edgeErrors, 'TOO_MANY_VIEWERS', { detail: 'sources of this edge' });
    }
    const { idleMs, silentMs } = config;
    const pull = new Pull({ ...this.#options, hostId, url, idleMs, silentMs, outbound: this.#outbound });
    this.#byHost.set(hostId, pull);
    const forget = (): void => void this.#byHost.delete(hostId);
    const forgetLater = (): void => void setTimeout(forget, failedMs).unref();
    pull.onAir.then(
      () => pull.done.then(forget),
      () => forgetLater(),
    );
    return pull;
  }

  async #find(name: string): Promise<HostSource | undefined> {
    const { accounts, rooms } = this.#options;
    try {
      const { user } = await accounts.findUser({ name });
      if (!user) return undefined;
      const { host } = await rooms.getHost({ hostId: user.userId });
      if (host?.visibility !== Visibility.PUBLIC) return undefined;
      const { media } = await rooms.getHostMedia({ hostId: user.userId });
      return media?.sourceUrl ? { hostId: Number(user.userId), url: media.sourceUrl } : undefined;
    } catch (error) {
      if (hasCode(error, 'USER_UNKNOWN', 'HOST_UNKNOWN')) return undefined;
      throw error;
    }
  }
}
