import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';
import type { Author } from '@gala/lib/records';

const counterNames = ['areasChanged', 'siteNoticesPut'] as const;

type Changed = Author & { readonly what: string };

/** Changes of what rooms are found by: a structured line and a counter each. */
export class CatalogEvents {
  readonly #log: Logger;
  readonly #counters: Record<(typeof counterNames)[number], number>;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#log = logger.child({ role: 'room' });
    this.#counters = metrics.counters('room_catalog', counterNames);
  }

  areasChanged(change: Changed): void {
    this.#counters.areasChanged++;
    this.#log.info({ ...change }, 'areas changed');
  }

  siteNoticePut(author: Author): void {
    this.#counters.siteNoticesPut++;
    this.#log.info({ ...author }, 'site notice put');
  }
}
