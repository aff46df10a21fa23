import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Client } from '@gala/lib/rpc';
import type { AccountService } from '@gala/protocol/account';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { verifyPlay, type PlayKey } from '@gala/protocol/play';

const freshMs = 60_000;
/** An unknown key id asks again, but not more often than this. */
const askAgainMs = 1_000;

export interface PlayKeysOptions {
  readonly accounts: Client<typeof AccountService>;
  readonly clock: Clock;
  readonly onFailed: (error: unknown) => void;
}

/**
 * The keys that verify play URLs, kept from the account service. Old keys go on verifying while it is away, so
 * that private rooms can be entered as long as the gateway has URLs to give.
 */
export class PlayKeys {
  readonly #options: PlayKeysOptions;
  #keys: readonly PlayKey[] = [];
  #askedAtMs = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(options: PlayKeysOptions) {
    this.#options = options;
  }

  /**
   * The keys of now, `kid` among them if it exists anywhere.
   * @throws CodedError UNAVAILABLE when no keys could be had since the start
   */
  async for(kid: string): Promise<readonly PlayKey[]> {
    const ageMs = this.#options.clock.monotonicMs() - this.#askedAtMs;
    const isKnown = this.#keys.some((key) => key.kid === kid);
    if (!isKnown && (this.#asking || ageMs > askAgainMs)) await this.#ask();
    else if (ageMs > freshMs) void this.#ask();
    if (this.#keys.length === 0) throw new CodedError(commonErrors, 'UNAVAILABLE', { retryAfterSeconds: 1 });
    return this.#keys;
  }

  /** @throws CodedError PLAY_SIGNATURE_WRONG unless the query was signed for this room and has not expired */
  async verify(roomId: number, query: URLSearchParams): Promise<void> {
    const keys = await this.for(query.get('kid') ?? '');
    const nowMs = this.#options.clock.nowMs();
    if (!verifyPlay({ roomId, query, keys, nowMs })) throw new CodedError(edgeErrors, 'PLAY_SIGNATURE_WRONG');
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#fetch().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #fetch(): Promise<void> {
    const { accounts, clock, onFailed } = this.#options;
    this.#askedAtMs = clock.monotonicMs();
    try {
      this.#keys = (await accounts.signingKeys({})).keys;
    } catch (error) {
      // The keys that we have stay good; a URL signed by a newer one is refused until the service is back.
      onFailed(error);
    }
  }
}
