import { randomBytes } from 'node:crypto';
import { LoadingCache } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import type { Sql } from '@gala/lib/sql';
import type { AccountConfig } from './config.ts';
import type { AccountEvents } from './events.ts';
import {
  addSigningKey,
  deleteOldSigningKeys,
  listSigningKeys,
  type SigningKey,
} from './store/signing-keys.ts';

const dayMs = 86_400_000;
const secretBytes = 32;
const kidBytes = 6;
/** How long a new key is shown before it signs; whoever verifies asks far more often. */
const announceMs = 60_000;
const cacheMs = 1000;
/** Keys change once a month: with the database down, yesterday's are as good. */
const staleMsMax = dayMs;

export interface SigningKeyParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: AccountConfig;
  readonly events: AccountEvents;
}

/** Keys that sign the play URLs of private rooms: two valid at a time. */
export class SigningKeys {
  readonly #parts: SigningKeyParts;
  readonly #cache: LoadingCache<'keys', SigningKey[]>;

  constructor(parts: SigningKeyParts) {
    this.#parts = parts;
    this.#cache = new LoadingCache({ clock: parts.clock, entriesMax: 1, ttlMs: cacheMs, staleMsMax });
  }

  /** The first signs, both verify; a new key is second until everyone has had time to read it. */
  async list(): Promise<SigningKey[]> {
    const keys = await this.#cache.get('keys', () => this.#load());
    const isAnnounced = this.#parts.clock.nowMs() - keys[0].createdAtMs >= announceMs;
    return isAnnounced ? keys : keys.toReversed();
  }

  /** Makes a new key when the newest has reached its age. Any number of processes may do it at once. */
  async rotate(): Promise<void> {
    const { clock, config } = this.#parts;
    const nowMs = clock.nowMs();
    const isAdded = await this.#add(nowMs, nowMs - config.signingKeyDays * dayMs);
    if (isAdded) this.#cache.delete('keys');
    await deleteOldSigningKeys(this.#core);
  }

  get #core() {
    return this.#parts.sql.core().pool;
  }

  /** There is always a key: the first that asks makes it. */
  async #load(): Promise<SigningKey[]> {
    const keys = await listSigningKeys(this.#core);
    if (keys.length > 0) return keys;
    await this.#add(this.#parts.clock.nowMs(), 0);
    return listSigningKeys(this.#core);
  }

  async #add(createdAtMs: number, notAfterMs: number): Promise<boolean> {
    const kid = randomBytes(kidBytes).toString('hex');
    const key = { kid, secret: randomBytes(secretBytes), createdAtMs };
    const isAdded = await addSigningKey(this.#core, key, notAfterMs);
    if (isAdded) this.#parts.events.signingKeyMade(key);
    return isAdded;
  }
}
