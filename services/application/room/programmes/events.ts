import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

const counterNames = [
  'created',
  'edited',
  'cancelled',
  'over',
  'reservationsRefused',
  'warmRounds',
  'roomsWarmed',
  'roundsFailed',
] as const;

interface Steered {
  readonly name: string;
  readonly by: number;
  readonly reason: string;
}

/** What happens to programmes. */
export class ProgrammeEvents {
  readonly #log: Logger;
  readonly #counters: Record<(typeof counterNames)[number], number>;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#log = logger.child({ role: 'room', part: 'programmes' });
    this.#counters = metrics.counters('room_programmes', counterNames);
  }

  created(programme: Steered): void {
    this.#counters.created++;
    this.#log.info({ ...programme }, 'programme made');
  }

  edited(programme: Steered): void {
    this.#counters.edited++;
    this.#log.info({ ...programme }, 'programme changed');
  }

  cancelled(programme: Steered): void {
    this.#counters.cancelled++;
    this.#log.info({ ...programme }, 'programme cancelled');
  }

  over(name: string): void {
    this.#counters.over++;
    this.#log.info({ name }, 'programme over');
  }

  reservationRefused(): void {
    this.#counters.reservationsRefused++;
  }

  warmed(rooms: number): void {
    this.#counters.warmRounds++;
    this.#counters.roomsWarmed += rooms;
  }

  /** One line an outage. */
  roundFailed(error: unknown, isFirst: boolean): void {
    this.#counters.roundsFailed++;
    if (isFirst) this.#log.warn({ error }, 'round of programmes failed');
  }
}
