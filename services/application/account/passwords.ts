import { randomBytes } from 'node:crypto';
import { CodedError } from '@gala/lib/error';
import { accountErrors, commonErrors } from '@gala/protocol/errors';
import { hash, verify } from '@node-rs/argon2';

/** Argon2id as OWASP's password storage sheet advises: 19 MiB, two passes. */
const hashOptions = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const charactersMin = 10;
const charactersMax = 256;

export interface PasswordLimits {
  readonly hashesAtOnceMax: number;
  readonly hashesWaitingMax: number;
}

/** Hashing is slow on purpose, so that it runs few at once, and those that wait are bounded. */
export class Passwords {
  readonly #limits: PasswordLimits;
  readonly #decoyHash: Promise<string>;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  refusals = 0;

  constructor(limits: PasswordLimits) {
    this.#limits = limits;
    this.#decoyHash = this.#inTurn(() => hash(randomBytes(16), hashOptions));
  }

  /** @throws CodedError PASSWORD_WEAK, RATE_LIMITED when too many wait */
  async hash(password: string): Promise<string> {
    if (password.length < charactersMin || password.length > charactersMax) {
      throw new CodedError(accountErrors, 'PASSWORD_WEAK');
    }
    return this.#inTurn(() => hash(password, hashOptions));
  }

  /**
   * False for a wrong password, and for none stored: that takes as long, so that a name tells nothing.
   * @throws CodedError RATE_LIMITED when too many wait
   */
  async matches(storedHash: string | undefined, password: string): Promise<boolean> {
    const bounded = password.slice(0, charactersMax + 1);
    const against = storedHash ?? (await this.#decoyHash);
    const isRight = await this.#inTurn(() => verify(against, bounded));
    return isRight && storedHash !== undefined;
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#limits.hashesAtOnceMax) await this.#wait();
    else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  /** Whoever ends hands its turn to the first that waits, so `running` stays as it is. */
  #wait(): Promise<void> {
    if (this.#waiting.length >= this.#limits.hashesWaitingMax) {
      this.refusals++;
      throw new CodedError(commonErrors, 'RATE_LIMITED', { retryAfterSeconds: 1 });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
