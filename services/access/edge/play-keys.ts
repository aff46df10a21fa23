import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Client } from '@gala/lib/rpc';
import { SigningKeys } from '@gala/lib/signing-keys';
import type { AccountService } from '@gala/protocol/account';
import { edgeErrors } from '@gala/protocol/errors';
import { verifyPlay } from '@gala/protocol/play';

export interface PlayKeysOptions {
  readonly accounts: Client<typeof AccountService>;
  readonly clock: Clock;
  readonly onFailed: (error: unknown) => void;
}

/** Verifies play URLs, also while the account service is away: private rooms can be entered as long as the gateway has URLs to give. */
export class PlayKeys {
  readonly #clock: Clock;
  readonly #keys: SigningKeys;

  constructor({ accounts, clock, onFailed }: PlayKeysOptions) {
    this.#clock = clock;
    this.#keys = new SigningKeys({
      fetch: async () => (await accounts.signingKeys({})).keys,
      clock,
      onFailed,
    });
  }

  /**
   * @throws CodedError PLAY_SIGNATURE_WRONG unless the query was signed for this room and has not expired; UNAVAILABLE
   * when no keys could be had since the start
   */
  async verify(roomId: number, query: URLSearchParams): Promise<void> {
    const keys = await this.#keys.for(query.get('kid') ?? '');
    const nowMs = this.#clock.nowMs();
    if (!verifyPlay({ roomId, query, keys, nowMs })) throw new CodedError(edgeErrors, 'PLAY_SIGNATURE_WRONG');
  }
}
