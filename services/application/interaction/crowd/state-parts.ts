import { CodedError } from '@gala/lib/error';
import { interactionErrors } from '@gala/protocol/errors';
import type { StatePart } from '@gala/protocol/signals';
import type { RoomStateParts } from '../types.ts';

/** Changes that one owner of a room may make before its versions reach those of the next. */
export const versionsPerOwner = 2 ** 32;
/** Counted anew by every owner; not written. */
const volatileParts: ReadonlySet<string> = new Set(['viewers']);
/** Parts of one room. */
const partsMax = 64;
const nameLengthMax = 64;

export interface StatePartsOptions {
  /** Fence of the lease by which the room is owned, up to 2^21: the high part of all versions. */
  readonly fence: number;
  /** Versions begin above this one: the highest of the same lease, when the room was closed and is opened again. */
  readonly after?: number;
  /** Asked before each batch for values that count by themselves. */
  readonly sources?: (nowMs: number) => Iterable<readonly [name: string, value: unknown]>;
  /** There is something for the next tick, or to be written. */
  readonly onChange?: () => void;
}

/**
 * The state of one room (SS), as its owner has it. Versions of the whole count the changes one by one and are given
 * when a batch takes them, so that every number is delivered: a client that sees one without the part knows that it
 * lacks it. A new owner numbers everything anew under its higher fence: what clients had of the old one may never
 * have been written, so they ask for all parts, and what nobody knows any more is answered as null.
 */
export class StateParts implements RoomStateParts {
  readonly fence: number;
  readonly #onChange: () => void;
  readonly #sources: NonNullable<StatePartsOptions['sources']>;
  readonly #parts = new Map<string, StatePart>();
  /** Since the last batch. */
  readonly #untold = new Set<string>();
  readonly #unwritten = new Set<string>();
  #version: number;
  /** Parts up to this version were told to somebody. */
  #toldVersion = 0;

  constructor({ fence, after = 0, onChange = () => {}, sources = () => [] }: StatePartsOptions) {
    this.fence = fence;
    this.#version = Math.max(fence * versionsPerOwner, after);
    this.#sources = sources;
    this.#onChange = onChange;
  }

  get version(): number {
    return this.#version;
  }

  /** What owners before this one wrote; what was set here already stays. */
  load(values: ReadonlyMap<string, unknown>): void {
    for (const [name, value] of values) if (!this.#parts.has(name)) this.set(name, value);
  }

  /** Errors: SIGNAL_INVALID for a name that is too long, or one more than there may be. */
  set(name: string, value: unknown): void {
    const isFull = !this.#parts.has(name) && this.#parts.size >= partsMax;
    if (isFull || name.length > nameLengthMax) {
      throw new CodedError(interactionErrors, 'SIGNAL_INVALID', { detail: `state ${name.slice(0, 80)}` });
    }
    this.#put(name, value);
    this.#onChange();
  }

  value(name: string): unknown {
    return this.#parts.get(name)?.value;
  }

  above(versions: Readonly<Record<string, number>>): readonly StatePart[] {
    this.#toldVersion = this.#version;
    const parts = [...this.#parts.values()].filter(({ name, version }) => version > (versions[name] ?? 0));
    for (const name of Object.keys(versions)) if (!this.#parts.has(name)) parts.push(this.#lost(name));
    return parts;
  }

  takeChanged(nowMs: number): readonly StatePart[] {
    for (const [name, value] of this.#sources(nowMs)) this.set(name, value);
    if (this.#untold.size === 0) return [];
    const parts = [...this.#untold].map((name) => this.#parts.get(name)!);
    this.#untold.clear();
    this.#toldVersion = this.#version;
    return parts.sort((a, b) => a.version - b.version);
  }

  /** Nothing waits for a batch, or to be written. */
  get isSettled(): boolean {
    return this.#untold.size === 0 && this.#unwritten.size === 0;
  }

  /** Parts to be written; the caller gives those back that could not be. */
  takeUnwritten(): readonly StatePart[] {
    const parts = [...this.#unwritten].map((name) => this.#parts.get(name)!);
    this.#unwritten.clear();
    // Who reads what is written takes a version for one value.
    this.#toldVersion = this.#version;
    return parts;
  }

  giveBack(parts: readonly StatePart[]): void {
    for (const { name } of parts) this.#unwritten.add(name);
  }

  /** A value that nobody was told makes place for the next one without leaving a hole in the versions. */
  #put(name: string, value: unknown): void {
    const known = this.#parts.get(name);
    const isSecret = known !== undefined && known.version > this.#toldVersion;
    const version = isSecret ? known.version : ++this.#version;
    this.#parts.set(name, { name, version, stateVersion: version, value });
    this.#untold.add(name);
    if (!volatileParts.has(name)) this.#unwritten.add(name);
  }

  #lost(name: string): StatePart {
    return { name, version: this.#version, stateVersion: this.#version, value: null };
  }
}
