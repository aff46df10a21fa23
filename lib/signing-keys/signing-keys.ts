import type { Clock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';
import { rpcErrors } from '../rpc/index.ts';

const freshMs = 60_000;
/** An unknown key id asks again, but not more often than this. */
const askAgainMs = 1_000;

export interface SigningKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

export interface SigningKeysOptions {
  /** The keys of now, the one that signs first. */
  readonly fetch: () => Promise<readonly SigningKey[]>;
  readonly clock: Clock;
  readonly onFailed: (error: unknown) => void;
}

/**
 * Keys that verify what another process has signed. Old keys go on verifying while they cannot be asked for, so that
 * who was admitted elsewhere is admitted here.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions;
  #keys: readonly SigningKey[] = [];
  #askedAtMs = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /**
   * The keys of now, `kid` among them if it exists anywhere.
   * @throws CodedError UNAVAILABLE when no keys could be had since the start
   */
  async for(kid: string): Promise<readonly SigningKey[]> {
    const ageMs = this.#options.clock.monotonicMs() - this.#askedAtMs;
    const isKnown = this.#keys.some((key) => key.kid === kid);
    if (!isKnown && (this.#asking || ageMs > askAgainMs)) await this.#ask();
    else if (ageMs > freshMs) void this.#ask();
    if (this.#keys.length === 0) throw new CodedError(rpcErrors, 'UNAVAILABLE', { retryAfterSeconds: 1 });
    return this.#keys;
  }

  /** The key that signs now; undefined until keys could be had. */
  get newest(): SigningKey | undefined {
    return this.#keys.at(0);
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#fetch().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #fetch(): Promise<void> {
    const { fetch, clock, onFailed } = this.#options;
    this.#askedAtMs = clock.monotonicMs();
    try {
      this.#keys = await fetch();
    } catch (error) {
      // The keys that we have stay good; what a newer one has signed is refused until they can be had.
      onFailed(error);
    }
  }
}
