import { CodedError } from '@gala/lib/error';
import { interactionErrors } from '@gala/protocol/errors';
import type { StatePart } from '@gala/protocol/signals';
import type { RoomStateParts } from '../types.ts';

/** Changes that one owner of a room may make before its versions reach those of the next: 30 years at one a second. */
export const versionsPerOwner = 2 ** 30;
/** Counted anew by every owner; not written. */
const volatileParts: ReadonlySet<string> = new Set(['viewers']);
/** Parts of one room. */
const partsMax = 64;
const nameLengthMax = 64;

export interface StatePartsOptions {
  /** Fence of the lease by which the room is owned, up to 2^23: the high part of all versions. */
  readonly fence: number;
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
  readonly #parts = new Map<string, StatePart>();
  readonly #pending = new Map<string, unknown>();
  readonly #unwritten = new Set<string>();
  #version: number;

  constructor({ fence, onChange = () => undefined }: StatePartsOptions) {
    this.fence = fence;
    this.#version = fence * versionsPerOwner;
    this.#onChange = onChange;
  }

  get version(): number {
    return this.#version;
  }

  /** What owners before this one wrote; what was set here already stays. */
  load(values: ReadonlyMap<string, unknown>): void {
    for (const [name, value] of values) {
      if (!this.#parts.has(name) && !this.#pending.has(name)) this.set(name, value);
    }
  }

  /** Errors: SIGNAL_INVALID for a name that is too long, or one more than there may be. */
  set(name: string, value: unknown): void {
    const isKnown = this.#parts.has(name) || this.#pending.has(name);
    const isFull = !isKnown && this.#parts.size + this.#pending.size >= partsMax;
    if (isFull || name.length > nameLengthMax) {
      throw new CodedError(interactionErrors, 'SIGNAL_INVALID', { detail: `state ${name.slice(0, 80)}` });
    }
    this.#pending.set(name, value);
    this.#onChange();
  }

  above(versions: Readonly<Record<string, number>>): readonly StatePart[] {
    const parts = [...this.#parts.values()].filter(({ name, version }) => version > (versions[name] ?? 0));
    for (const name of Object.keys(versions)) if (!this.#parts.has(name)) parts.push(this.#lost(name));
    return parts;
  }

  takeChanged(): readonly StatePart[] {
    if (this.#pending.size === 0) return [];
    const changed = [...this.#pending].map(([name, value]) => {
      const version = ++this.#version;
      return { name, version, stateVersion: version, value };
    });
    this.#pending.clear();
    for (const part of changed) {
      this.#parts.set(part.name, part);
      if (!volatileParts.has(part.name)) this.#unwritten.add(part.name);
    }
    return changed;
  }

  /** Nothing waits to be given a version, or to be written. */
  get isSettled(): boolean {
    return this.#pending.size === 0 && this.#unwritten.size === 0;
  }

  /** Parts to be written; the caller gives those back that could not be. */
  takeUnwritten(): readonly StatePart[] {
    const parts = [...this.#unwritten].map((name) => this.#parts.get(name)!);
    this.#unwritten.clear();
    return parts;
  }

  giveBack(parts: readonly StatePart[]): void {
    for (const { name } of parts) this.#unwritten.add(name);
  }

  #lost(name: string): StatePart {
    return { name, version: this.#version, stateVersion: this.#version, value: null };
  }
}
