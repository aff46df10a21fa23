import type { Clock } from '../clock/index.ts';
import type { Coord, CoordRecord, RecordView } from '../coord/index.ts';
import { CodedError } from '../error/index.ts';
import { recordErrors } from './errors.ts';

/** Changes that a record remembers of itself; older ones are in the logs. */
const changesMax = 50;
/** Writers that may come first before one who changes a record gives up. */
const triesMax = 8;

/** Who changed a record, and why. */
export interface Author {
  /** Account, or `operator` for the operator token. */
  readonly by: string;
  readonly reason: string;
}

export interface RecordChange extends Author {
  readonly version: number;
  readonly atMs: number;
  /** What was changed, in a few words. */
  readonly what: string;
}

/** A record as it stands in coord. */
interface Stored {
  readonly value: unknown;
  readonly changes: readonly RecordChange[];
}

export interface AuditedRecordOptions<Value> {
  readonly coord: Coord;
  readonly clock: Clock;
  readonly key: string;
  /** Checks what comes out of coord; what it refuses was written by another version of this program. */
  readonly parse: (value: unknown) => Value;
  /** Before anyone has written. */
  readonly initial: Value;
}

export interface Edit<Value> {
  readonly value: Value;
  readonly what: string;
}

/**
 * Settings that change while the installation runs: one value in coord, watched by every process that opened it, each
 * change with who made it and why. Reading never waits. Errors of `change`: RECORD_CONTENDED, COORD_UNAVAILABLE,
 * RECORD_TOO_LARGE.
 */
export class AuditedRecord<Value> implements AsyncDisposable {
  readonly #options: AuditedRecordOptions<Value>;
  readonly #view: RecordView<Stored>;
  #record: CoordRecord<Stored> | undefined;
  #value: Value;

  static async open<Value>(options: AuditedRecordOptions<Value>): Promise<AuditedRecord<Value>> {
    return new AuditedRecord(options, await options.coord.watch<Stored>(options.key));
  }

  private constructor(options: AuditedRecordOptions<Value>, view: RecordView<Stored>) {
    this.#options = options;
    this.#view = view;
    this.#value = options.initial;
    this.#take(view.current());
    view.onChange((record) => this.#take(record));
  }

  /** What cannot be read leaves what was known. */
  get value(): Value {
    return this.#value;
  }

  /** 0 before the first write. */
  get version(): number {
    return this.#record?.version ?? 0;
  }

  /** Newest first. */
  get changes(): readonly RecordChange[] {
    return this.#record?.value.changes ?? [];
  }

  onChange(listener: (value: Value) => void): () => void {
    return this.#view.onChange(() => listener(this.#value));
  }

  /** `edit` may run again when another writer came first; it throws what it refuses. Undefined: nothing to change. */
  async change(author: Author, edit: (value: Value) => Edit<Value> | undefined): Promise<Value> {
    const { coord, clock, key } = this.#options;
    for (let tried = 0; tried < triesMax; tried++) {
      const before = await coord.get<Stored>(key);
      const edited = edit(before ? this.#options.parse(before.value.value) : this.#options.initial);
      if (!edited) {
        this.#take(before);
        return this.#value;
      }
      const version = (before?.version ?? 0) + 1;
      const { by, reason } = author;
      const change = { by, reason, version, atMs: clock.nowMs(), what: edited.what };
      const changes = [change, ...(before?.value.changes ?? [])].slice(0, changesMax);
      const written = await coord.cas<Stored>(key, before?.version ?? 0, { value: edited.value, changes });
      if (!written) continue;
      this.#take(written);
      return edited.value;
    }
    throw new CodedError(recordErrors, 'RECORD_CONTENDED', { detail: key });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#view[Symbol.asyncDispose]();
  }

  #take(record: CoordRecord<Stored> | undefined): void {
    if (!record || record.version <= this.version) return;
    try {
      this.#value = this.#options.parse(record.value.value);
      this.#record = record;
    } catch {
      // A newer program has written it: this one goes on with what it knows.
    }
  }
}
