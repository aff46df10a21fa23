import type { Clock } from '@gala/lib/clock';
import type { Coord } from '@gala/lib/coord';
import { CodedError } from '@gala/lib/error';
import { AuditedRecord, type Author } from '@gala/lib/records';
import { commonErrors } from '@gala/protocol/errors';
import * as settings from '@gala/protocol/settings';
import type { CatalogEvents } from './catalog-events.ts';

export interface SiteNoticeParts {
  readonly coord: Coord;
  readonly clock: Clock;
  readonly catalogEvents: CatalogEvents;
}

const none: settings.SiteNotice = { texts: { en: '', zh: '' }, untilMs: 0 };

/** What operators tell on every page: one audited record. */
export class SiteNotice implements AsyncDisposable {
  readonly #record: AuditedRecord<settings.SiteNotice>;
  readonly #parts: SiteNoticeParts;

  static async open(parts: SiteNoticeParts): Promise<SiteNotice> {
    const { coord, clock } = parts;
    const parse = (value: unknown) => settings.siteNotice.parse(value);
    const key = settings.siteNoticeKey;
    return new SiteNotice(parts, await AuditedRecord.open({ coord, clock, key, parse, initial: none }));
  }

  private constructor(parts: SiteNoticeParts, record: AuditedRecord<settings.SiteNotice>) {
    this.#parts = parts;
    this.#record = record;
  }

  /** Undefined while there is none. */
  current(): (settings.SiteNotice & { readonly version: number }) | undefined {
    const { value, version } = this.#record;
    const isOver = value.untilMs !== 0 && value.untilMs <= this.#parts.clock.nowMs();
    return value.texts.en === '' || isOver ? undefined : { ...value, version };
  }

  /** Without texts there is none from now on. @throws CodedError INVALID_REQUEST */
  async put(notice: settings.SiteNotice, author: Author): Promise<void> {
    const checked = settings.siteNotice.safeParse(notice);
    if (!checked.success) throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'notice' });
    const value = checked.data;
    await this.#record.change(author, () => ({ value, what: value.texts.en === '' ? 'removed' : 'put' }));
    this.#parts.catalogEvents.siteNoticePut(author);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#record[Symbol.asyncDispose]();
  }
}
