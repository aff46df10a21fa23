import type { Clock } from '../clock/index.ts';
import type { Coord } from '../coord/index.ts';
import { AuditedRecord, type Author, type RecordChange } from '../records/index.ts';

/** Switches by name with the states that each may have; the first is that of one nobody has set. */
export type SwitchTable = Readonly<Record<string, readonly [string, ...string[]]>>;

/** What an operator has set. */
interface Setting extends Author {
  readonly state: string;
  readonly sinceMs: number;
  /** From then on it is as if it had not been set; 0: until it is set again. */
  readonly untilMs: number;
}
type Settings = Readonly<Record<string, Setting>>;

export interface SwitchView<State extends string = string> {
  readonly state: State;
  /** Undefined while it stands as nobody has set it. */
  readonly setting: Setting | undefined;
}

export interface SwitchesOptions<Table extends SwitchTable> {
  readonly coord: Coord;
  readonly clock: Clock;
  /** Key of the record in coord. */
  readonly key: string;
  readonly table: Table;
  /** Checks the record as it comes out of coord. */
  readonly parse: (value: unknown) => Settings;
}

/**
 * Named switches that take work away from an installation in trouble: one audited record, watched by every process
 * that opened it (a change is everywhere within 300 ms while coord answers). Reading never waits and allocates
 * nothing; while coord is away the last known states stand.
 */
export class Switches<Table extends SwitchTable> implements AsyncDisposable {
  readonly #options: SwitchesOptions<Table>;
  readonly #record: AuditedRecord<Settings>;

  static async open<Table extends SwitchTable>(options: SwitchesOptions<Table>): Promise<Switches<Table>> {
    const { coord, clock, key, parse } = options;
    return new Switches(
      options,
      await AuditedRecord.open<Settings>({ coord, clock, key, parse, initial: {} }),
    );
  }

  private constructor(options: SwitchesOptions<Table>, record: AuditedRecord<Settings>) {
    this.#options = options;
    this.#record = record;
  }

  /** The state now. */
  get<Name extends keyof Table & string>(name: Name): Table[Name][number] {
    return this.#settingOf(name)?.state ?? this.#options.table[name][0];
  }

  view(name: keyof Table & string): SwitchView {
    return { state: this.get(name), setting: this.#settingOf(name) };
  }

  /** Newest first. */
  get changes(): readonly RecordChange[] {
    return this.#record.changes;
  }

  /** @param untilMs 0: until it is set again. Errors: as `AuditedRecord.change` */
  async set(
    name: keyof Table & string,
    { state, untilMs }: Pick<Setting, 'state' | 'untilMs'>,
    author: Author,
  ): Promise<void> {
    const { by, reason } = author;
    const setting = { state, untilMs, by, reason, sinceMs: this.#options.clock.nowMs() };
    await this.#record.change(author, (before) => ({
      value: { ...before, [name]: setting },
      what: `${name}: ${state}`,
    }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#record[Symbol.asyncDispose]();
  }

  /** A state that this version does not know is as if it had not been set. */
  #settingOf(name: keyof Table & string): Setting | undefined {
    const setting = this.#record.value[name];
    if (!setting || !this.#options.table[name].includes(setting.state)) return undefined;
    const isOver = setting.untilMs !== 0 && setting.untilMs <= this.#options.clock.nowMs();
    return isOver ? undefined : setting;
  }
}
