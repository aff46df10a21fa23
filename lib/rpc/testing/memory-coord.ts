import { coordErrors, type Coord, type CoordRecord, type Member } from '../../coord/index.ts';
import type { MemberView, RecordView } from '../../coord/index.ts';
import { CodedError } from '../../error/index.ts';

/** Members and records of one process, kept in memory, so that tests of what uses them need no database. */
export class MemoryCoord implements Omit<Coord, 'lease'> {
  /** While false every read and write of records is COORD_UNAVAILABLE. */
  isReachable = true;
  readonly #groups = new Map<string, Set<Member>>();
  readonly #records = new Map<string, CoordRecord>();
  readonly #listeners = new Set<() => void>();

  async join(group: string, member: Member): Promise<AsyncDisposable> {
    this.list(group).add(member);
    this.#tell();
    return {
      [Symbol.asyncDispose]: async () => {
        this.list(group).delete(member);
        this.#tell();
      },
    };
  }

  async members(group: string): Promise<MemberView> {
    return {
      list: () => [...this.list(group)],
      onChange: (listener) => {
        const tell = (): void => listener([...this.list(group)]);
        this.#listeners.add(tell);
        return () => void this.#listeners.delete(tell);
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  async get<Value>(key: string): Promise<CoordRecord<Value> | undefined> {
    if (!this.isReachable) throw new CodedError(coordErrors, 'COORD_UNAVAILABLE');
    return this.#records.get(key) as CoordRecord<Value> | undefined;
  }

  async cas<Value>(key: string, expected: number, value: Value): Promise<CoordRecord<Value> | undefined> {
    if (((await this.get(key))?.version ?? 0) !== expected) return undefined;
    const record = { value, version: expected + 1 };
    this.#records.set(key, record);
    this.#tell();
    return record;
  }

  async watch<Value>(key: string): Promise<RecordView<Value>> {
    await this.get(key);
    const current = () => this.#records.get(key) as CoordRecord<Value> | undefined;
    return {
      current,
      onChange: (listener) => {
        const tell = (): void => listener(current());
        this.#listeners.add(tell);
        return () => void this.#listeners.delete(tell);
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  list(group: string): Set<Member> {
    const members = this.#groups.get(group) ?? new Set();
    this.#groups.set(group, members);
    return members;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
