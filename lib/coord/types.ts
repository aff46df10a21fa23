/** A process or role that is alive, as others see it. */
export interface Member {
  readonly id: string;
  /** Addresses and capacity, as the member wrote them (at most 4 KiB of JSON). */
  readonly data: Readonly<Record<string, string>>;
}

/** A live view: reads never wait, the view is refreshed in the background and on hints. */
export interface MemberView extends AsyncDisposable {
  list(): readonly Member[];
  /** Called after each change; returns the function that stops it. */
  onChange(listener: (members: readonly Member[]) => void): () => void;
}

export interface Lease extends AsyncDisposable {
  readonly job: string;
  readonly partition: number;
  /** Grows with every change of owner; every effect of a leased job carries it. */
  readonly fence: number;
  /** Aborted when the lease is lost or given back. */
  readonly signal: AbortSignal;
}

/** A versioned JSON value of at most 256 KiB. */
export interface CoordRecord<Value = unknown> {
  readonly value: Value;
  /** 1 for the first value; each accepted write adds one. */
  readonly version: number;
}

export interface RecordView<Value> extends AsyncDisposable {
  current(): CoordRecord<Value> | undefined;
  onChange(listener: (record: CoordRecord<Value> | undefined) => void): () => void;
}

/**
 * Membership, leases with fencing and watched records (data.md, "Coordination"). TTL 3 s. While the
 * engine is unreachable nobody is declared dead; after it returns everyone has one TTL of grace.
 */
export interface Coord {
  join(group: string, member: Member): Promise<AsyncDisposable>;
  members(group: string): Promise<MemberView>;
  /** Waits for and holds `partition` of `job` until disposed or lost; resolves when acquired. */
  lease(job: string, partition: number, signal?: AbortSignal): Promise<Lease>;
  get<Value>(key: string): Promise<CoordRecord<Value> | undefined>;
  /** Writes if the version is still `expected` (0 = absent); the new record, or undefined when it was not. */
  cas<Value>(key: string, expected: number, value: Value): Promise<CoordRecord<Value> | undefined>;
  watch<Value>(key: string): Promise<RecordView<Value>>;
}
