import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { SlotState } from './slot.ts';

const counterNames = ['published', 'transactions', 'gaps', 'cut', 'sessions', 'failures'] as const;

/** What a process knows of the feed of one database; the owner's alone are of now. */
export interface FeedView {
  readonly isOwner: boolean;
  readonly slot: Pick<SlotState, 'lagBytes' | 'retainedBytes' | 'bytesLeft'> | undefined;
  readonly lagMs: number;
}

/** Business events of the change feed: a structured line and a counter each. */
export class ChangeEvents {
  readonly counters: Record<(typeof counterNames)[number], number>;
  readonly #log: Logger;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#log = logger.child({ part: 'changes' });
    this.counters = metrics.counters('changes', counterNames);
  }

  sessionBegun(database: string, fence: number): void {
    this.counters.sessions++;
    this.#log.info({ database, fence }, 'change feed begun');
  }

  /** Whoever follows reads the database anew. */
  gapTold(database: string, why: 'absent' | 'lost'): void {
    this.counters.gaps++;
    this.#log.warn({ database, why }, 'changes are missing, a new slot was made');
  }

  rowCut(database: string, table: string, bytes: number): void {
    this.counters.cut++;
    this.#log.warn({ database, table, bytes }, 'a changed row is too large for the log');
  }

  /** Told once for each outage. */
  sessionFailed(database: string, error: unknown, isFirst: boolean): void {
    this.counters.failures++;
    if (isFirst) this.#log.warn({ database, error }, 'change feed interrupted');
  }
}

/** Gauges of all feeds of a process; retained WAL is what to set an alarm on. */
export function showFeeds(metrics: Metrics, read: () => ReadonlyMap<string, FeedView>): void {
  const show = (name: string, help: string, value: (view: FeedView) => number | undefined): void =>
    metrics.gauges({
      name: `gala_changes_${name}`,
      help,
      labelNames: ['database'],
      read: () =>
        [...read()].flatMap(([database, view]) => {
          const shown = value(view);
          return shown === undefined ? [] : [{ labels: { database }, value: shown }];
        }),
    });
  show('owner', '1 where this process reads the changes of a database', ({ isOwner }) => Number(isOwner));
  show('lag_bytes', 'WAL that is not yet in the log', ({ slot }) => slot?.lagBytes);
  show('lag_milliseconds', 'age of the oldest change that is not yet in the log', ({ isOwner, lagMs }) =>
    isOwner ? lagMs : undefined,
  );
  show('retained_wal_bytes', 'WAL that the server keeps for the feed', ({ slot }) => slot?.retainedBytes);
  show('wal_bytes_left', 'WAL that may be written before the feed has a gap', ({ slot }) => slot?.bytesLeft);
}
