import type { Client } from '@gala/lib/rpc';
import type { AccountService } from '@gala/protocol/account';
import type { PlayKey } from '@gala/protocol/play';

const freshMs = 60_000;
/** An unknown key id asks again, but not more often than this. */
const askAgainMs = 1_000;

/**
 * The keys that verify play URLs, kept from the account service. Old keys go on verifying while it is away, so
 * that private rooms can be entered as long as the gateway has URLs to give.
 */
export class PlayKeys {
  readonly #accounts: Client<typeof AccountService>;
  readonly #nowMs: () => number;
  #keys: readonly PlayKey[] = [];
  #askedAtMs = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(accounts: Client<typeof AccountService>, nowMs: () => number) {
    this.#accounts = accounts;
    this.#nowMs = nowMs;
  }

  /** At most two keys, one of them `kid` if it exists anywhere. */
  async for(kid: string): Promise<readonly PlayKey[]> {
    const ageMs = this.#nowMs() - this.#askedAtMs;
    const isKnown = this.#keys.some((key) => key.kid === kid);
    if (!isKnown && ageMs > askAgainMs) await this.#ask();
    else if (ageMs > freshMs) void this.#ask();
    return this.#keys;
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#fetch().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #fetch(): Promise<void> {
    this.#askedAtMs = this.#nowMs();
    try {
      this.#keys = (await this.#accounts.signingKeys({})).keys;
    } catch {
      // The keys that we have stay good; a URL signed by a newer one is refused until the service is back.
    }
  }
}
