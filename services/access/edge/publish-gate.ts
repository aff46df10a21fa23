import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import { normalizeAddress, Occupancy, rateKey, RateLimiter } from '@gala/lib/http';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import type { Admission, Admitted } from './admission.ts';
import type { HookEnd, HookProtocol, Hooks, HookSession, HookSubject } from './hooks/hooks.ts';
import type { AddressLists } from './limits/address-lists.ts';
import type { LimitsConfig } from './limits/config.ts';
import type { LimitEvents } from './limits/events.ts';

export interface PublishGateOptions {
  readonly admission: Admission;
  readonly hooks: Hooks;
  readonly lists: AddressLists;
  readonly config: LimitsConfig;
  readonly events: LimitEvents;
  readonly clock: Clock;
}

/** Somebody who wants to publish. */
export interface PublishAsked {
  readonly remoteAddress: string;
  readonly protocol: HookProtocol;
  readonly streamKey: string;
  /** What the encoder wrote behind its address, without the key. */
  readonly query: string;
  /** Aborted when the publisher did not wait for the decision. */
  readonly signal: AbortSignal;
}

/** Let in, until `leave`. */
export interface PublishPass {
  /** Known from the held stream, while the room service cannot be asked. */
  readonly remembered: Admitted | undefined;
  /** Call when it has its room. */
  enter(admitted: Admitted): void;
  /** Call once. */
  leave(end: HookEnd): void;
}

/**
 * What a publisher has to pass before the room service begins a room for it or fences another publisher: lists of
 * addresses, limits, and the hook. So nothing has to be undone for who is turned away or leaves while it is asked.
 */
export class PublishGate {
  readonly #options: PublishGateOptions;
  readonly #tries: RateLimiter;
  readonly #places = new Occupancy();

  constructor(options: PublishGateOptions) {
    const { config, clock } = options;
    const burst = config.publishTriesPerMinute;
    this.#options = options;
    this.#tries = new RateLimiter({ perSecond: burst / 60, burst, clock });
  }

  /** Publishers that are in, or being decided about. */
  get size(): number {
    return this.#places.size;
  }

  /**
   * @throws CodedError ADDRESS_DENIED, RATE_LIMITED, TOO_MANY_PUBLISHERS, what `Admission.check` and
   * `Hooks.askPublish` throw
   */
  async pass(asked: PublishAsked): Promise<PublishPass> {
    const address = normalizeAddress(asked.remoteAddress) ?? '';
    const key = rateKey(address);
    this.#options.lists.checkPublisher(address);
    this.#limit(key);
    this.#places.take(key);
    try {
      return await this.#ask(asked, address);
    } catch (error) {
      this.#places.giveBack(key);
      throw error;
    }
  }

  async #ask(asked: PublishAsked, address: string): Promise<PublishPass> {
    const { hooks, admission } = this.#options;
    const subject = ({ identity }: Admitted): HookSubject => {
      const { protocol, query } = asked;
      return { roomId: identity.roomId, host: identity.hostName, address, protocol, query };
    };
    let session: HookSession | undefined;
    let checked: Admitted | undefined;
    if (hooks.asksPublish) {
      checked = await admission.check(asked.streamKey, asked.remoteAddress);
      session = await hooks.askPublish(subject(checked), asked.signal);
    }
    return {
      remembered: checked?.fromMemory ? checked : undefined,
      enter: (admitted) => void (session ??= hooks.followPublisher(subject(admitted))),
      leave: (end) => {
        this.#places.giveBack(rateKey(address));
        session?.end(end);
      },
    };
  }

  #limit(key: string): void {
    const { config, events } = this.#options;
    const retryAfterSeconds = this.#tries.take(key);
    if (retryAfterSeconds > 0) {
      events.triesRefused(key);
      throw new CodedError(commonErrors, 'RATE_LIMITED', { retryAfterSeconds });
    }
    const limits = { max: config.publishersMax, perAddressMax: config.publishersPerAddressMax };
    if (!this.#places.hasRoom(key, limits)) {
      events.publisherRefused(key);
      throw new CodedError(edgeErrors, 'TOO_MANY_PUBLISHERS');
    }
  }
}
