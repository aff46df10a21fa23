import type { IKeyValue } from 'etcd3';
import type { EtcdClient } from './etcd-client.ts';
import { decodeOwned, encodeOwned, lastPart, type EtcdKeys } from './etcd-keys.ts';
import type { Mirrors } from './etcd-mirror.ts';
import type { EtcdSession, Session } from './etcd-session.ts';
import type { MemberRow } from './rows.ts';

/** What the halves of the adapter share. */
export interface EtcdParts {
  readonly owner: string;
  readonly keys: EtcdKeys;
  readonly client: EtcdClient;
  readonly session: EtcdSession;
  readonly mirrors: Mirrors;
  readonly nowMs: () => number;
  /** A turn soon, with a renewal when something that is held may be lost. */
  readonly hint: (renew: boolean) => void;
}

/** A member whose key has gone is still shown this long: one whose session was ended by mistake writes it anew. */
const returnWithinMs = 400;
/** Own keys are looked after this often, should somebody have deleted one. */
const lookEveryRenewals = 20;

interface Departure {
  readonly row: MemberRow;
  readonly atMs: number;
}

/** Members that this process has written, and those of all that it looks at. */
export class EtcdMembers {
  readonly #parts: EtcdParts;
  /** The session that each own member is bound to. */
  readonly #bound = new Map<MemberRow, string>();
  /** Left by this process, without an answer yet: the session would keep them for as long as it lives. */
  readonly #leaving = new Set<MemberRow>();
  readonly #departures = new Map<string, Map<string, Departure>>();
  #renewals = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: EtcdParts) {
    this.#parts = parts;
  }

  put(row: MemberRow): Promise<void> {
    const { client, session, keys, owner } = this.#parts;
    const key = keys.member(row.group, row.id);
    return session.bind(async ({ id }) => {
      await client.twice((link) => link.kv.put({ key, value: encodeOwned(owner, row.data), lease: id }));
      this.#bound.set(row, id);
    });
  }

  /** Another process may have taken the id over: only what this one wrote is removed. */
  async remove(row: MemberRow): Promise<void> {
    const { client, keys, owner } = this.#parts;
    this.#bound.delete(row);
    this.#leaving.add(row);
    const key = keys.member(row.group, row.id);
    const value = encodeOwned(owner, row.data);
    await client.twice((link) =>
      link.kv.txn({
        compare: [{ key, target: 'Value', result: 'Equal', value }],
        success: [{ request_delete_range: { key } }],
      }),
    );
    this.#leaving.delete(row);
  }

  /** Binds those to the session that are not; now and then all that have vanished. */
  async renew(rows: readonly MemberRow[], { id }: Session): Promise<void> {
    if (this.#renewals++ % lookEveryRenewals === lookEveryRenewals - 1) await this.#look(rows);
    for (const row of this.#leaving) await this.remove(row);
    const unbound = rows.filter((row) => this.#bound.get(row) !== id);
    await Promise.all(unbound.map((row) => this.put(row)));
  }

  async open(group: string): Promise<readonly MemberRow[]> {
    await this.#parts.mirrors.open(this.#parts.keys.group(group), (entry) => this.#departed(group, entry));
    return this.rows(group);
  }

  /** Those who are there, and those whose absence proves nothing yet. */
  rows(group: string): MemberRow[] {
    const { mirrors, keys } = this.#parts;
    const entries = mirrors.get(keys.group(group))?.entries.values() ?? [];
    const rows = [...entries].map((entry) => rowOf(group, entry));
    const present = new Set(rows.map(({ id }) => id));
    const missed = this.#missed(group).filter(({ id }) => !present.has(id));
    return [...rows, ...missed].toSorted((one, other) => (one.id < other.id ? -1 : 1));
  }

  #missed(group: string): MemberRow[] {
    const departures = this.#departures.get(group);
    if (!departures) return [];
    const { session, nowMs } = this.#parts;
    const sinceMs = nowMs() - returnWithinMs;
    for (const [id, { atMs }] of departures) if (atMs <= sinceMs && !session.isGrace) departures.delete(id);
    if (departures.size === 0) this.#departures.delete(group);
    return [...departures.values()].map(({ row }) => row);
  }

  #departed(group: string, entry: IKeyValue): void {
    const departures = this.#departures.get(group) ?? new Map<string, Departure>();
    this.#departures.set(group, departures);
    const row = rowOf(group, entry);
    departures.set(row.id, { row, atMs: this.#parts.nowMs() });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#parts.hint(false), returnWithinMs + 1).unref();
  }

  async #look(rows: readonly MemberRow[]): Promise<void> {
    if (rows.length === 0) return;
    const { client, keys } = this.#parts;
    const ranges = rows.map((row) => ({
      request_range: { key: keys.member(row.group, row.id), keys_only: true },
    }));
    const { responses } = await client.once((link) => link.kv.txn({ compare: [], success: ranges }));
    const gone = rows.filter((_, index) => responses[index].response_range.kvs.length === 0);
    for (const row of gone) this.#bound.delete(row);
  }
}

function rowOf(group: string, entry: IKeyValue): MemberRow {
  return { group, id: lastPart(entry), data: decodeOwned(entry.value) };
}
