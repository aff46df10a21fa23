import { EtcdLeaseInvalidError, type IKeyValue } from 'etcd3';
import { CodedError } from '../error/index.ts';
import {
  Coordinator,
  type Claimed,
  type CoordEngine,
  type CoordParts,
  type Held,
  type OpenCoord,
  type Shown,
} from './coordinator.ts';
import { coordErrors } from './errors.ts';
import { EtcdClient, type EtcdAccess } from './etcd-client.ts';
import { decodeRecordValue, encodeRecordValue, EtcdKeys } from './etcd-keys.ts';
import { EtcdLeases } from './etcd-leases.ts';
import { EtcdMembers } from './etcd-members.ts';
import { Mirrors } from './etcd-mirror.ts';
import { EtcdSession } from './etcd-session.ts';
import type { LeaseKey, LeaseRow, MemberRow, RecordRow, RecordWrite } from './rows.ts';

export interface EtcdCoordOptions extends CoordParts, EtcdAccess {
  /** Under which all keys of the installation are, with the `/` at its end. */
  readonly prefix: string;
}

/**
 * Coordination over etcd (3.4 and later): one connection and one lease a process, one watch stream for all
 * that it looks at. Errors: COORD_UNAVAILABLE when no member of the cluster answers at the start.
 */
export function openEtcdCoord(options: EtcdCoordOptions): Promise<OpenCoord> {
  return new Coordinator(options, new EtcdEngine(options)).start();
}

class EtcdEngine implements CoordEngine {
  /** Twice as often as over SQL, since it costs the engine no write: an election must fit into what remains. */
  readonly renewEveryMs = 500;
  readonly #owner: string;
  readonly #keys: EtcdKeys;
  readonly #client: EtcdClient;
  readonly #session: EtcdSession;
  readonly #mirrors: Mirrors;
  readonly #members: EtcdMembers;
  readonly #leases: EtcdLeases;
  #hint: (options?: { renew: boolean }) => void = () => undefined;
  #writes = 0;

  constructor(options: EtcdCoordOptions) {
    const nowMs = (): number => options.clock.monotonicMs();
    this.#owner = options.processId;
    this.#keys = new EtcdKeys(options.prefix);
    this.#client = new EtcdClient(options);
    this.#session = new EtcdSession({ client: this.#client, probe: this.#keys.probe, nowMs });
    this.#mirrors = new Mirrors({ client: this.#client, nowMs, onChange: () => this.#hint() });
    const parts = {
      owner: this.#owner,
      keys: this.#keys,
      client: this.#client,
      session: this.#session,
      mirrors: this.#mirrors,
      nowMs,
      hint: (renew: boolean) => this.#hint({ renew }),
    };
    this.#members = new EtcdMembers(parts);
    this.#leases = new EtcdLeases(parts);
  }

  async connect(hint: (options?: { renew: boolean }) => void): Promise<void> {
    this.#hint = hint;
    await this.#session.open();
  }

  async disconnect(): Promise<void> {
    this.#client.close();
  }

  async renew({ members, leases }: Held): Promise<readonly LeaseRow[]> {
    const session = await this.#session.renew();
    await this.#members.renew(members, session);
    await this.#leases.releaseAllBut(leases);
    return leases.filter((lease) => this.#leases.isHeld(lease));
  }

  claim(wanted: readonly LeaseKey[]): Promise<Claimed> {
    return this.#leases.claim(wanted);
  }

  release(lease: LeaseRow): Promise<void> {
    return this.#leases.release(lease);
  }

  putMember(member: MemberRow): Promise<void> {
    return this.#members.put(member);
  }

  removeMember(member: MemberRow): Promise<void> {
    return this.#members.remove(member);
  }

  openGroup(group: string): Promise<readonly MemberRow[]> {
    return this.#members.open(group);
  }

  async openRecord(key: string): Promise<RecordRow | undefined> {
    const mirror = await this.#mirrors.open(this.#keys.record(key));
    return rowOf(key, mirror.entries.values().next().value);
  }

  async refresh({ groups, records }: Shown) {
    const shown = [...records].map(([key, version]) => {
      return { key, version, mirror: this.#mirrors.get(this.#keys.record(key)) };
    });
    for (const group of groups) this.#mirrors.get(this.#keys.group(group));
    await this.#mirrors.refresh();
    return {
      members: groups.flatMap((group) => this.#members.rows(group)),
      records: shown.flatMap(({ key, version, mirror }) => {
        const entry = mirror?.entries.values().next().value;
        return entry && Number(entry.version) !== version ? [rowOf(key, entry)!] : [];
      }),
    };
  }

  async readRecord(key: string): Promise<RecordRow | undefined> {
    const { kvs } = await this.#client.twice((link) => link.kv.range(this.#keys.record(key)));
    return rowOf(key, kvs[0]);
  }

  /**
   * The key's own version is the record's. A write whose answer was lost is tried once more; its mark then
   * tells whether the first try was the one that was done. Errors: COORD_UNAVAILABLE when that cannot be told.
   */
  async casRecord({ key, expected, json }: RecordWrite): Promise<number | undefined> {
    const range = this.#keys.record(key);
    const by = `${this.#owner}:${++this.#writes}`;
    const request = {
      compare: [{ ...range, target: 'Version', result: 'Equal', version: expected }] as const,
      success: [{ request_put: { ...range, value: encodeRecordValue(by, json) } }],
      failure: [{ request_range: range }],
    };
    return this.#client.twice(async (link, isRepeated) => {
      const { succeeded, responses } = await link.kv.txn({ ...request, compare: [...request.compare] });
      if (succeeded) return expected + 1;
      const present = responses[0].response_range.kvs[0] as IKeyValue | undefined;
      if (!isRepeated || !present || Number(present.version) <= expected) return undefined;
      if (Number(present.version) > expected + 1) throw new Error('another has written since');
      return decodeRecordValue(present.value).by === by ? expected + 1 : undefined;
    });
  }

  translate(error: unknown): unknown {
    if (!(error instanceof EtcdLeaseInvalidError)) return error;
    return new CodedError(coordErrors, 'COORD_UNAVAILABLE', { cause: error });
  }

  leave(): Promise<void> {
    return this.#session.revoke();
  }
}

function rowOf(key: string, entry: IKeyValue | undefined): RecordRow | undefined {
  return entry && { key, version: Number(entry.version), value: decodeRecordValue(entry.value).value };
}
