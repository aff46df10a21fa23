import type { Clock } from '@gala/lib/clock';
import type { Coord } from '@gala/lib/coord';
import { CodedError } from '@gala/lib/error';
import { AuditedRecord, type Author } from '@gala/lib/records';
import { commonErrors, roomErrors } from '@gala/protocol/errors';
import * as settings from '@gala/protocol/settings';
import type { Area, AreaNames } from '@gala/protocol/settings';
import type { CatalogEvents } from './catalog-events.ts';

export interface AreasParts {
  readonly coord: Coord;
  readonly clock: Clock;
  readonly catalogEvents: CatalogEvents;
}

/** The areas that hosts choose from: one audited record, watched by every process of the room role. */
export class Areas implements AsyncDisposable {
  readonly #record: AuditedRecord<readonly Area[]>;
  readonly #events: CatalogEvents;

  static async open({ coord, clock, catalogEvents }: AreasParts): Promise<Areas> {
    const parse = (value: unknown) => settings.areas.parse(value);
    const record = await AuditedRecord.open({ coord, clock, key: settings.areasKey, parse, initial: [] });
    return new Areas(record, catalogEvents);
  }

  private constructor(record: AuditedRecord<readonly Area[]>, events: CatalogEvents) {
    this.#record = record;
    this.#events = events;
  }

  /** In the order in which they are shown. */
  list(): readonly Area[] {
    return this.#record.value;
  }

  /** @throws CodedError AREA_UNKNOWN for what a host cannot choose now */
  checkChoice(areaId: string): void {
    if (areaId === '') return;
    const area = this.list().find((each) => each.areaId === areaId);
    if (!area || area.isRetired) throw new CodedError(roomErrors, 'AREA_UNKNOWN');
  }

  /** Makes an area or names it anew. @throws CodedError TOO_MANY_AREAS, INVALID_REQUEST */
  async put(areaId: string, names: AreaNames, author: Author): Promise<void> {
    const area = settings.area.safeParse({ areaId, names, isRetired: false });
    if (!area.success) throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'area' });
    const put = area.data;
    await this.#change(author, areaId, (before) => {
      const isKnown = before.some((each) => each.areaId === areaId);
      if (isKnown) return before.map((each) => (each.areaId === areaId ? put : each));
      if (before.length >= settings.areasMax) throw new CodedError(roomErrors, 'TOO_MANY_AREAS');
      return [...before, put];
    });
  }

  /** Those that are not named come after these. @throws CodedError AREA_UNKNOWN, INVALID_REQUEST */
  async order(areaIds: readonly string[], author: Author): Promise<void> {
    if (new Set(areaIds).size !== areaIds.length)
      throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'an area stands there twice' });
    await this.#change(author, 'order', (before) => {
      const named = areaIds.map((areaId) => found(before, areaId));
      return [...named, ...before.filter((each) => !areaIds.includes(each.areaId))];
    });
  }

  /** @throws CodedError AREA_UNKNOWN */
  async retire(areaId: string, author: Author): Promise<void> {
    await this.#change(author, areaId, (before) => {
      const retired = { ...found(before, areaId), isRetired: true };
      return before.map((each) => (each.areaId === areaId ? retired : each));
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#record[Symbol.asyncDispose]();
  }

  async #change(
    author: Author,
    what: string,
    edit: (before: readonly Area[]) => readonly Area[],
  ): Promise<void> {
    await this.#record.change(author, (before) => ({ value: edit(before), what }));
    this.#events.areasChanged({ ...author, what });
  }
}

function found(areas: readonly Area[], areaId: string): Area {
  const area = areas.find((each) => each.areaId === areaId);
  if (!area) throw new CodedError(roomErrors, 'AREA_UNKNOWN');
  return area;
}
