import type { MemberRow, RecordRow } from './rows.ts';
import type { CoordRecord, Member, MemberView, RecordView } from './types.ts';

type Listener<Value> = (value: Value) => void;

/** A value that is replaced from outside and tells its listeners when it was. */
class Watched<Value> {
  readonly #listeners = new Set<Listener<Value>>();
  value: Value;

  constructor(value: Value) {
    this.value = value;
  }

  onChange(listener: Listener<Value>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Listeners run on their own: what they throw is their caller's bug, not a failure of the engine. */
  set(value: Value): void {
    this.value = value;
    for (const listener of this.#listeners)
      queueMicrotask(() => this.#listeners.has(listener) && listener(value));
  }
}

interface GroupView {
  readonly group: string;
  readonly watched: Watched<readonly Member[]>;
  json: string;
}

/** Live views of groups, by name; while nothing arrives they keep what they have. */
export class MemberViews {
  readonly #views = new Set<GroupView>();

  get size(): number {
    return this.#views.size;
  }

  /** Those that a read that begins now may update: a view that opens later may know more than it. */
  opened(): readonly GroupView[] {
    return [...this.#views];
  }

  open(group: string, rows: readonly MemberRow[]): MemberView {
    const view = { group, json: jsonOf(rows), watched: new Watched(membersOf(rows)) };
    this.#views.add(view);
    return {
      list: () => view.watched.value,
      onChange: (listener) => view.watched.onChange(listener),
      [Symbol.asyncDispose]: async () => void this.#views.delete(view),
    };
  }

  /** `rows` are all members of the groups of `asked`; a group without rows has become empty. */
  update(asked: readonly GroupView[], rows: readonly MemberRow[]): void {
    const byGroup = Map.groupBy(rows, ({ group }) => group);
    for (const view of asked) {
      const found = byGroup.get(view.group) ?? [];
      const json = jsonOf(found);
      if (json === view.json || !this.#views.has(view)) continue;
      view.json = json;
      view.watched.set(membersOf(found));
    }
  }
}

/** Live views of records, by key. */
export class RecordViews {
  readonly #views = new Set<{ key: string; watched: Watched<CoordRecord | undefined> }>();

  get size(): number {
    return this.#views.size;
  }

  /** The oldest version that a view of each key shows. */
  known(): Map<string, number> {
    const known = new Map<string, number>();
    for (const { key, watched } of this.#views) {
      const version = watched.value?.version ?? 0;
      known.set(key, Math.min(version, known.get(key) ?? version));
    }
    return known;
  }

  open<Value>(key: string, row: RecordRow | undefined): RecordView<Value> {
    const view = { key, watched: new Watched(row && recordOf(row)) };
    this.#views.add(view);
    return {
      current: () => view.watched.value as CoordRecord<Value> | undefined,
      onChange: (listener) => view.watched.onChange(listener as Listener<CoordRecord | undefined>),
      [Symbol.asyncDispose]: async () => void this.#views.delete(view),
    };
  }

  update(rows: readonly RecordRow[]): void {
    for (const row of rows) {
      for (const { key, watched } of this.#views) {
        // A slow answer must not put an older value in the place of a newer one.
        if (key === row.key && row.version > (watched.value?.version ?? 0)) watched.set(recordOf(row));
      }
    }
  }
}

export function recordOf<Value>({ value, version }: RecordRow): CoordRecord<Value> {
  return { value: value as Value, version };
}

function membersOf(rows: readonly MemberRow[]): readonly Member[] {
  return rows.map(({ id, data }) => ({ id, data: JSON.parse(data) as Member['data'] }));
}

function jsonOf(rows: readonly MemberRow[]): string {
  return JSON.stringify(rows.map(({ id, data }) => [id, data]));
}
