import type { StatePart } from '@gala/protocol/signals';
import type { RoomStateParts } from './types.ts';

/** State in the memory of its owner alone. */
export class PlainState implements RoomStateParts {
  version: number;
  readonly #onChange: () => void;
  readonly #parts = new Map<string, StatePart>();
  readonly #changed = new Set<string>();

  constructor(version: number, onChange: () => void) {
    this.version = version;
    this.#onChange = onChange;
  }

  above(versions: Readonly<Record<string, number>>): readonly StatePart[] {
    return [...this.#parts.values()].filter(({ name, version }) => version > (versions[name] ?? 0));
  }

  set(name: string, value: unknown): void {
    const stateVersion = ++this.version;
    this.#parts.set(name, { name, version: stateVersion, stateVersion, value });
    this.#changed.add(name);
    this.#onChange();
  }

  takeChanged(): readonly StatePart[] {
    const changed = [...this.#changed].map((name) => this.#parts.get(name)!);
    this.#changed.clear();
    return changed;
  }
}
