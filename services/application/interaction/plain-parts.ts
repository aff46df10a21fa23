import { randomBytes } from 'node:crypto';
import type { RoomRules, StatePart } from '@gala/protocol/signals';
import type { Draft, RoomStateParts, Rulebook, Said, Verdict } from './types.ts';

const openRules: RoomRules = {
  slowModeSeconds: 0,
  followersOnly: false,
  emoteOnly: false,
  uniqueChat: false,
  holdsAll: false,
  isClosed: false,
  delivery: 'push',
};

/** Lets everything pass. */
export class PlainRulebook implements Rulebook {
  readonly rules = openRules;

  prepare(): undefined {}

  judge({ speaker, signal }: Said): Verdict {
    const { userId, name, role } = speaker;
    const author = { userId, name, role };
    const signalId = randomBytes(9).toString('base64url');
    if (signal.type === 'comment') {
      const { text, mediaMs } = signal;
      const seen = mediaMs === undefined ? {} : { mediaMs };
      const draft = { type: 'comment', class: 'member', signalId, author, text, count: 1, ...seen } as const;
      return { kind: 'say', drafts: [draft satisfies Draft] };
    }
    if (signal.type === 'like') {
      return { kind: 'say', drafts: [{ type: 'like', class: 'ambient', signalId: '', count: signal.count }] };
    }
    const retract = { type: 'retract', class: 'control', signalId: '', retracted: signal.signalId } as const;
    return { kind: 'say', drafts: [retract] };
  }
}

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
