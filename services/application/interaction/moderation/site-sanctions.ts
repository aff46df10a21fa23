import type { Clock } from '@gala/lib/clock';
import type { Coord } from '@gala/lib/coord';
import { AuditedRecord, type Author } from '@gala/lib/records';
import type { Sql } from '@gala/lib/sql';
import { Sanctions, type Sanction } from '../rules/sanctions.ts';
import { listSanctions, sanctionsMax } from '../store/sanctions.ts';
import type { ModerationEvents } from './events.ts';

/** Counts the changes; who made them and why is in it. */
const recordKey = 'interaction/site-sanctions';
const retryMs = 2000;

export interface SiteSanctionsParts {
  readonly sql: Sql;
  readonly coord: Coord;
  readonly clock: Clock;
  readonly events: ModerationEvents;
}

/**
 * Sanctions of the whole installation. Every process has all of them, and reads them again when the watched record
 * says that they have changed; while the database is away those known last hold.
 */
export class SiteSanctions implements AsyncDisposable {
  readonly #parts: SiteSanctionsParts;
  readonly #record: AuditedRecord<number>;
  #sanctions = new Sanctions([]);
  #reading: Promise<void> | undefined;
  #isStale = false;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  static async open(parts: SiteSanctionsParts): Promise<SiteSanctions> {
    const { coord, clock } = parts;
    const record = await AuditedRecord.open({ coord, clock, key: recordKey, parse: Number, initial: 0 });
    const opened = new SiteSanctions(parts, record);
    record.onChange(() => void opened.#read());
    await opened.#read();
    return opened;
  }

  private constructor(parts: SiteSanctionsParts, record: AuditedRecord<number>) {
    this.#parts = parts;
    this.#record = record;
  }

  of(userId: number): readonly Sanction[] {
    return this.#sanctions.of(userId);
  }

  /** Every process reads them again, this one before it returns. */
  async changed(author: Author, what: string): Promise<void> {
    await this.#record.change(author, (count) => ({ value: count + 1, what }));
    await this.#read();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    await this.#record[Symbol.asyncDispose]();
    await this.#reading;
  }

  /** One at a time; a change meanwhile makes it read once more. */
  #read(): Promise<void> {
    this.#isStale = true;
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    const { sql, clock, events } = this.#parts;
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false;
      try {
        const page = { nowMs: clock.nowMs(), afterUserId: 0, limit: sanctionsMax * 3 };
        this.#sanctions = new Sanctions(await listSanctions(sql, 0, page));
        events.counters.siteSanctionsRead++;
      } catch (error) {
        events.siteSanctionsUnread(error);
        if (!this.#isClosed) this.#retry = setTimeout(() => void this.#read(), retryMs).unref();
        return;
      }
    }
  }
}
