import type { StatePart } from './signal.ts';

/**
 * The parts of a room's state that are known, and whether they are all of it: what is missing shows by the versions
 * of the whole, which count the changes one by one within one owner. For clients, and for who keeps the state for them.
 * Pure.
 */
export class StateBook {
  readonly #parts = new Map<string, StatePart>();
  #version = 0;
  #heardVersion = 0;

  /** Version of the whole that is known without a hole. */
  get version(): number {
    return this.#version;
  }

  /** A change was heard of that has not come. */
  get lacksParts(): boolean {
    return this.#heardVersion > this.#version;
  }

  get versions(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#parts.values()].map(({ name, version }) => [name, version]));
  }

  get parts(): StatePart[] {
    return [...this.#parts.values()];
  }

  /** Parts above the named versions, for another; those of which nothing is known any more are null. */
  above(versions: Readonly<Record<string, number>>): StatePart[] {
    const lost = Object.keys(versions).filter((name) => !this.#parts.has(name));
    const newer = this.parts.filter(({ name, version }) => version > (versions[name] ?? 0));
    return this.lacksParts ? newer : [...newer, ...lost.map((name) => this.#lost(name))];
  }

  /** Undefined for a part that is not known, or has gone. */
  value(name: string): unknown {
    return this.#parts.get(name)?.value ?? undefined;
  }

  /** What a batch brings; answers the parts that are new. */
  change(parts: readonly StatePart[], stateVersion: number): StatePart[] {
    this.#heardVersion = Math.max(this.#heardVersion, stateVersion);
    const fresh = this.#put(parts, this.#version);
    const arrived = new Set(parts.map((part) => part.stateVersion));
    let version = this.#version;
    while (version < stateVersion && arrived.has(version + 1)) version++;
    this.#version = version;
    return fresh;
  }

  /** All parts up to this version, or those that were lacking; answers the parts that are new. */
  replace(parts: readonly StatePart[], stateVersion: number): StatePart[] {
    const before = this.#version;
    this.#version = Math.max(this.#version, stateVersion);
    this.#heardVersion = Math.max(this.#heardVersion, stateVersion);
    return this.#put(parts, before);
  }

  /** All parts that there are: others are gone, unless these are of before. Answers the parts that are new. */
  whole(parts: readonly StatePart[], stateVersion: number): StatePart[] {
    if (stateVersion < this.#version) return this.#put(parts, this.#version);
    const named = new Set(parts.map(({ name }) => name));
    const gone = this.parts.filter(({ name, version }) => !named.has(name) && version <= stateVersion);
    const fresh = this.replace(parts, stateVersion);
    for (const { name } of gone) this.#parts.delete(name);
    return [...fresh, ...gone.map(({ name }) => this.#lost(name))];
  }

  #lost(name: string): StatePart {
    return { name, version: this.#version, stateVersion: this.#version, value: null };
  }

  /** One that is not known though everything up to its version is, is gone: it comes late. */
  #put(parts: readonly StatePart[], knownVersion: number): StatePart[] {
    return parts.filter((part) => {
      const known = this.#parts.get(part.name);
      if (known ? known.version >= part.version : part.stateVersion <= knownVersion) return false;
      this.#parts.set(part.name, part);
      return true;
    });
  }
}
