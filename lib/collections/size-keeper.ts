import type { Clock } from '../clock/index.ts';
import { CodedError, codeOf } from '../error/index.ts';
import { numberOf, type CommandName } from './engine.ts';
import { collectionsErrors } from './errors.ts';
import type { Gate } from './gate.ts';
import type { LargestKeys } from './largest-keys.ts';
import type { Telemetry } from './telemetry.ts';
import type { LargeKey } from './types.ts';

/** Kinds whose size no answer to a write tells. */
type Measured = Exclude<LargeKey['kind'], 'value' | 'list'>;

export interface SizeKeeperOptions {
  readonly gate: Gate;
  readonly elementsMax: number;
  /** Chance, 0 to 1, with which one added element is a reason to look at the size of its key. */
  readonly lookChance: number;
  readonly largest: LargestKeys;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** 0 to 1, for tests. */
  readonly random?: () => number;
}

const sizeCommands: Readonly<Record<Measured, CommandName>> = { hash: 'HLEN', rank: 'ZCARD', set: 'SCARD' };
/** How long a full key refuses before it is looked at again, and how many are remembered. */
const fullMs = 1000;
const fullKeysMax = 1024;
const looksMax = 64;

/**
 * Bounds the elements of one key. Asking for the size with each write would double the commands, so each added
 * element asks with a small chance: all processes together go over the bound by about the inverse of that,
 * however many they are. A rank loses its lowest then; a hash or set, which has no order, refuses what is new.
 */
export class SizeKeeper {
  readonly #options: SizeKeeperOptions;
  readonly #fullUntilMs = new Map<string, number>();
  readonly #looking = new Set<string>();

  constructor(options: SizeKeeperOptions) {
    this.#options = options;
  }

  /** Errors: VALUE_TOO_LARGE while the key is known to be full. */
  assertRoom(key: string): void {
    const untilMs = this.#fullUntilMs.get(key);
    if (untilMs === undefined) return;
    if (this.#options.clock.monotonicMs() < untilMs)
      throw new CodedError(collectionsErrors, 'VALUE_TOO_LARGE', {
        detail: `${key} has ${this.#options.elementsMax} elements`,
        retryAfterSeconds: fullMs / 1000,
      });
  }

  /** To be called after elements were added. Looks in the background when it is due. */
  added(key: string, kind: Measured, count: number): void {
    const { lookChance, random = Math.random } = this.#options;
    const isDue = this.#fullUntilMs.has(key) || random() < lookChance * count;
    if (!isDue || this.#looking.has(key) || this.#looking.size >= looksMax) return;
    this.#looking.add(key);
    void this.#look(key, kind).finally(() => this.#looking.delete(key));
  }

  async #look(key: string, kind: Measured): Promise<void> {
    const { gate, elementsMax, largest, telemetry } = this.#options;
    try {
      telemetry.counters.sizeLooks++;
      const size = numberOf(await gate.run(sizeCommands[kind], [key]));
      largest.note(key, kind, size);
      if (kind === 'rank') await this.#trim(key, size);
      else if (size >= elementsMax) this.#refuse(key);
      else this.#fullUntilMs.delete(key);
    } catch (error) {
      telemetry.counters.sizeLooksFailed++;
      telemetry.failed(codeOf(error));
    }
  }

  async #trim(key: string, size: number): Promise<void> {
    const { gate, elementsMax, telemetry } = this.#options;
    if (size <= elementsMax) return;
    const gone = numberOf(await gate.run('ZREMRANGEBYRANK', [key, 0, -(elementsMax + 1)]));
    telemetry.trimmed(key, gone);
  }

  #refuse(key: string): void {
    this.#fullUntilMs.set(key, this.#options.clock.monotonicMs() + fullMs);
    if (this.#fullUntilMs.size <= fullKeysMax) return;
    for (const oldest of this.#fullUntilMs.keys()) {
      this.#fullUntilMs.delete(oldest);
      return;
    }
  }
}
