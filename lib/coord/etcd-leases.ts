import { EtcdLeaseInvalidError, type IKeyValue } from 'etcd3';
import { CodedError } from '../error/index.ts';
import type { Claimed } from './coordinator.ts';
import { coordErrors } from './errors.ts';
import type { EtcdParts } from './etcd-members.ts';
import type { Session } from './etcd-session.ts';
import { nameOf } from './lease-table.ts';
import type { LeaseKey, LeaseRow } from './rows.ts';

/** What this process has written as an owner. */
interface Owned {
  readonly lease: LeaseRow;
  readonly sessionId: string;
  readonly revision: number;
}

const claimsAtOnce = 16;

/** Ownership of partitions: a key that is there while it is held, beside a fence that stays. */
export class EtcdLeases {
  readonly #parts: EtcdParts;
  readonly #owned = new Map<string, Owned>();
  /** Lost ones, of which this process is the former owner; bounded as jobs and partitions are. */
  readonly #former = new Set<string>();

  constructor(parts: EtcdParts) {
    this.#parts = parts;
  }

  /** As far as it is known here: bound to the session that goes on, and not deleted by anybody. */
  isHeld(lease: LeaseRow): boolean {
    const owned = this.#owned.get(nameOf(lease));
    if (owned?.lease.fence !== lease.fence) return false;
    if (owned.sessionId === this.#parts.session.current?.id && !this.#isGone(lease, owned)) return true;
    this.#owned.delete(nameOf(lease));
    this.#former.add(nameOf(lease));
    return false;
  }

  /** Tries for those whose key is not there. A TTL counts from the renewal of the session, not from the claim. */
  async claim(wanted: readonly LeaseKey[]): Promise<Claimed> {
    const session = this.#parts.session.current;
    if (!session) throw new CodedError(coordErrors, 'COORD_UNAVAILABLE');
    const sinceMs = session.renewedMs;
    for (const job of new Set(wanted.map(({ job }) => job))) await this.#open(job);
    const free = wanted
      .map((key) => ({ key, entry: this.#entryOf(key) }))
      .filter((each) => this.#mayTake(each));
    const rows: LeaseRow[] = [];
    for (let first = 0; first < free.length; first += claimsAtOnce) {
      const tried = await Promise.all(
        free.slice(first, first + claimsAtOnce).map(({ key, entry }) => this.#take(key, entry, session)),
      );
      rows.push(...tried.filter((row) => row !== undefined));
    }
    return { rows, sinceMs };
  }

  async release(lease: LeaseRow): Promise<void> {
    const owned = this.#owned.get(nameOf(lease));
    if (owned?.lease.fence !== lease.fence) return;
    const key = this.#parts.keys.lease(lease);
    await this.#parts.client.twice((link) =>
      link.kv.txn({
        compare: [{ key, target: 'Mod', result: 'Equal', mod_revision: owned.revision }],
        success: [{ request_delete_range: { key } }],
      }),
    );
    if (this.#owned.get(nameOf(lease)) === owned) this.#owned.delete(nameOf(lease));
  }

  /** What could not be given back when it was: the session would keep it for as long as this process lives. */
  async releaseAllBut(held: readonly LeaseRow[]): Promise<void> {
    const names = new Set(held.map(nameOf));
    const left = [...this.#owned.values()].filter(({ lease }) => !names.has(nameOf(lease)));
    for (const { lease } of left) if (this.isHeld(lease)) await this.release(lease);
  }

  /** The former owner may come back at once; in a grace others leave it that chance. */
  #mayTake({ key, entry }: { key: LeaseKey; entry: IKeyValue | undefined }): boolean {
    if (entry) return entry.value.toString() === this.#parts.owner;
    return !this.#parts.session.isGrace || this.#former.has(nameOf(key));
  }

  /** The answer may be lost: then the key is ours without being held, and the next turn takes it once more. */
  async #take(key: LeaseKey, entry: IKeyValue | undefined, session: Session): Promise<LeaseRow | undefined> {
    const { client, keys, owner } = this.#parts;
    const [leaseKey, value] = [keys.lease(key), Buffer.from(owner)];
    const taken = client.once((link) =>
      link.kv.txn({
        compare: [{ key: leaseKey, target: 'Mod', result: 'Equal', mod_revision: entry?.mod_revision ?? 0 }],
        success: [
          { request_put: { key: leaseKey, value, lease: session.id } },
          { request_put: { key: keys.fence(key), value, prev_kv: true } },
        ],
      }),
    );
    const { succeeded, responses, header } = await taken.catch((error: unknown) => {
      if (error instanceof EtcdLeaseInvalidError) this.#parts.session.lose(session);
      throw error;
    });
    if (!succeeded) return undefined;
    const before = responses[1].response_put.prev_kv as IKeyValue | null;
    const fence = Number(before?.version ?? 0) + 1;
    const lease = { ...key, fence };
    this.#owned.set(nameOf(key), { lease, sessionId: session.id, revision: Number(header.revision) });
    this.#former.delete(nameOf(key));
    return lease;
  }

  #open(job: string) {
    return this.#parts.mirrors.open(this.#parts.keys.job(job), (entry) => {
      // Deleted, and still thought to be ours: the renewal will tell.
      if (entry.value.toString() === this.#parts.owner) this.#parts.hint(true);
    });
  }

  #entryOf(key: LeaseKey): IKeyValue | undefined {
    const { mirrors, keys } = this.#parts;
    return mirrors.get(keys.job(key.job))?.entries.get(keys.lease(key).toString());
  }

  /** What was seen before the own write says nothing about it. */
  #isGone(lease: LeaseRow, { revision }: Owned): boolean {
    const { mirrors, keys } = this.#parts;
    const mirror = mirrors.get(keys.job(lease.job));
    if (!mirror || mirror.revision < revision) return false;
    return Number(this.#entryOf(lease)?.mod_revision) !== revision;
  }
}
