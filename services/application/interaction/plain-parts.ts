import { randomBytes } from 'node:crypto';
import type { RoomRules, StatePart } from '@gala/protocol/signals';
import type {
  Attendance,
  Connection,
  Draft,
  RoomPresence,
  RoomStateParts,
  Rulebook,
  Said,
  Verdict,
} from './types.ts';

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

export class PlainPresence implements RoomPresence {
  readonly #nodes = new Map<string, { connections: number; users: Map<number, number> }>();
  readonly #onCount: (count: number) => void;

  constructor(onCount: (count: number) => void) {
    this.#onCount = onCount;
  }

  report(node: string, { connections, joined, left, isWhole }: Attendance): void {
    const known = isWhole ? undefined : this.#nodes.get(node);
    const users = known?.users ?? new Map<number, number>();
    for (const { connection, speaker } of joined) users.set(connection, speaker.userId);
    for (const connection of left) users.delete(connection);
    this.#nodes.set(node, { connections, users });
    this.#count();
  }

  drop(node: string): void {
    if (this.#nodes.delete(node)) this.#count();
  }

  find(userId: number): readonly Connection[] {
    const found: Connection[] = [];
    for (const [node, { users }] of this.#nodes) {
      for (const [connection, user] of users) if (user === userId) found.push({ node, connection });
    }
    return found;
  }

  #count(): void {
    let sum = 0;
    for (const { connections } of this.#nodes.values()) sum += connections;
    this.#onCount(sum);
  }
}
