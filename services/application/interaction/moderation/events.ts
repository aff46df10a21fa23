import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';
import type { SanctionKind } from '../rules/sanctions.ts';

const counterNames = [
  'chatsOpened',
  'settingsPut',
  'wordsPut',
  'sanctioned',
  'unsanctioned',
  'retracted',
  'heldReviewed',
  'moderatorsChanged',
  'followed',
  'unfollowed',
  'followsRead',
  'followsForgotten',
  'followsUnread',
  'siteSanctionsRead',
  'siteSanctionsUnread',
  'kicksFailed',
] as const;

/** Who did it and why. */
export interface Act {
  /** 0 for the operator token. */
  readonly by: number;
  readonly reason: string;
}

/** What is done about what is said: who did what, to whom, and why. */
export class ModerationEvents {
  readonly counters: Record<(typeof counterNames)[number], number>;
  readonly #log: Logger;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#log = logger.child({ role: 'interaction', part: 'moderation' });
    this.counters = metrics.counters('moderation', counterNames);
  }

  settingsPut(
    act: Act & { readonly hostId: number; readonly version: number; readonly settings: object },
  ): void {
    this.counters.settingsPut++;
    this.#log.info({ ...act }, 'settings of a chat changed');
  }

  wordsPut(act: Act & { readonly hostId: number; readonly version: number; readonly words: number }): void {
    this.counters.wordsPut++;
    this.#log.info({ ...act }, 'words of a chat changed');
  }

  /** `hostId` 0: in the whole installation. */
  sanctioned(
    act: Act & {
      readonly hostId: number;
      readonly userId: number;
      readonly kind: SanctionKind;
      readonly untilMs: number;
    },
  ): void {
    this.counters.sanctioned++;
    this.#log.info({ ...act }, 'user sanctioned');
  }

  unsanctioned(
    act: Act & { readonly hostId: number; readonly userId: number; readonly kind: SanctionKind },
  ): void {
    this.counters.unsanctioned++;
    this.#log.info({ ...act }, 'sanction taken back');
  }

  retracted(act: Act & { readonly roomId: number; readonly signalId: string }): void {
    this.counters.retracted++;
    this.#log.info({ ...act }, 'comment taken back by a moderator');
  }

  heldReviewed(
    act: Act & { readonly roomId: number; readonly signalId: string; readonly approves: boolean },
  ): void {
    this.counters.heldReviewed++;
    this.#log.info({ ...act }, 'held comment reviewed');
  }

  moderatorChanged(
    act: Act & { readonly hostId: number; readonly userId: number; readonly moderates: boolean },
  ): void {
    this.counters.moderatorsChanged++;
    this.#log.info({ ...act }, 'moderator changed');
  }

  /** Follows could not be read; where only followers speak, they wait. */
  followsUnread(error: unknown): void {
    this.counters.followsUnread++;
    this.#log.warn({ error }, 'who follows could not be read');
  }

  siteSanctionsUnread(error: unknown): void {
    this.counters.siteSanctionsUnread++;
    this.#log.warn({ error }, 'sanctions of the installation could not be read, the last ones hold');
  }

  /** His connections there stay until he leaves; what he says is refused all the same. */
  kickFailed(error: unknown): void {
    this.counters.kicksFailed++;
    this.#log.warn({ error }, 'connections of a banned user could not be closed');
  }
}
