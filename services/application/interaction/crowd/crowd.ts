import type { Clock } from '@gala/lib/clock';
import type { Collections } from '@gala/lib/collections';
import type { Metrics } from '@gala/lib/metrics';
import type { RoomState } from '@gala/protocol/signals';
import type { Draft, Speaker } from '../types.ts';
import { FanKeeper, fanCounterNames } from './fan-keeper.ts';
import type { Fans } from './fans.ts';
import type { HowClosed } from './kept-rooms.ts';
import { likeCounterNames, Likes, type LikeCounters } from './likes.ts';
import { MergeTally } from './merge-tally.ts';
import { defaultPresenceLimits, PresenceBudget } from './presence-limits.ts';
import { Presence, presenceCounterNames, type PresenceCounters } from './presence.ts';
import { StateKeeper, stateCounterNames } from './state-keeper.ts';
import type { StateParts } from './state-parts.ts';
import { RoomMerger } from './tick-merger.ts';

export interface CrowdParts {
  readonly collections: Pick<Collections, 'hashes' | 'ranks' | 'expire'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export interface OpenCrowd {
  readonly roomId: number;
  /** Of the lease by which the room is owned. */
  readonly fence: number;
  /** There is something for the next tick. */
  readonly onChange: () => void;
}

/** What all rooms of a process share of those who are in them: budgets, what is written, and how it is counted. */
export class Crowd implements AsyncDisposable {
  readonly #parts: CrowdParts;
  readonly #states: StateKeeper;
  readonly #fans: FanKeeper;
  readonly #tally = new MergeTally();
  readonly #budget = new PresenceBudget(defaultPresenceLimits.connectionsMax);
  readonly #presenceCounters: PresenceCounters;
  readonly #likeCounters: LikeCounters;

  constructor(parts: CrowdParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#presenceCounters = metrics.counters('interaction_presence', presenceCounterNames);
    this.#likeCounters = metrics.counters('interaction_likes', likeCounterNames);
    const states = metrics.counters('interaction_state', stateCounterNames);
    this.#states = new StateKeeper({ ...parts, counters: states });
    this.#fans = new FanKeeper({ ...parts, counters: metrics.counters('interaction_fans', fanCounterNames) });
    this.#show();
  }

  async open({ roomId, fence, onChange }: OpenCrowd): Promise<RoomCrowd> {
    let room: RoomCrowd | undefined;
    const sources: () => Generator<[string, unknown]> = function* (): Generator<[string, unknown]> {
      if (room) yield* room.takeTold();
    };
    const state = await this.#states.open({ roomId, fence, onChange, sources });
    const total = (state.value('likes') as RoomState['likes'] | undefined)?.total;
    const fans = await this.#fans.open(roomId, state.value('rank') as RoomState['rank'] | undefined);
    room = new RoomCrowd({
      clock: this.#parts.clock,
      state,
      fans,
      onChange,
      merger: new RoomMerger({ tally: this.#tally }),
      presence: new Presence({ budget: this.#budget, counters: this.#presenceCounters }),
      likes: new Likes({ counters: this.#likeCounters, total }),
      onClose: async (how) => {
        await Promise.all([this.#states.close(roomId, how), this.#fans.close(roomId, how)]);
      },
    });
    return room;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#states[Symbol.asyncDispose](), this.#fans[Symbol.asyncDispose]()]);
  }

  #show(): void {
    const { metrics } = this.#parts;
    metrics.labelledCounters({
      name: 'gala_interaction_tick_signals_total',
      help: 'signals of ticks by what became of them in each tier',
      labelNames: ['class', 'tier', 'outcome'],
      read: () => this.#tally.read(),
    });
    metrics.gauge('gala_interaction_presence_connections', 'connections of which the user is known', () => {
      return this.#budget.connections;
    });
    metrics.gauge('gala_interaction_state_waiting', 'rooms of which some state is not written', () => {
      return this.#states.waiting;
    });
  }
}

interface RoomCrowdParts {
  readonly clock: Clock;
  readonly merger: RoomMerger;
  readonly state: StateParts;
  readonly presence: Presence;
  readonly likes: Likes;
  readonly fans: Fans;
  readonly onChange: () => void;
  readonly onClose: (how: HowClosed) => Promise<void>;
}

/** What was not told with the tick in which it changed is told with the next one after this time. */
const tellLaterMs = 2000;

/** Those who are in one room: who they are, what they did, and what is told of it. */
export class RoomCrowd {
  readonly merger: RoomMerger;
  readonly state: StateParts;
  readonly presence: Presence;
  readonly #parts: RoomCrowdParts;
  #later: NodeJS.Timeout | undefined;

  constructor(parts: RoomCrowdParts) {
    this.#parts = parts;
    this.merger = parts.merger;
    this.state = parts.state;
    this.presence = parts.presence;
  }

  /** What is left of what somebody says: likes above the rate of one are not. */
  heard({ userId, name, role, device }: Speaker, drafts: readonly Draft[]): readonly Draft[] {
    if (drafts.every(({ type }) => type !== 'like')) return drafts;
    const { clock, likes } = this.#parts;
    const left: Draft[] = [];
    for (const draft of drafts) {
      const count = draft.type === 'like' ? likes.add({ userId, device }, draft.count, clock.nowMs()) : 0;
      if (draft.type !== 'like') left.push(draft);
      else if (count > 0) left.push({ ...draft, count });
      this.score({ userId, name, role }, count);
    }
    return left;
  }

  /** Somebody did something for the room that is worth so much. */
  score(author: Pick<Speaker, 'userId' | 'name' | 'role'>, by: number): void {
    this.#parts.fans.score(author, by);
    this.#tellLater();
  }

  /** Parts of the state that are to be told anew. */
  *takeTold(): Generator<[name: string, value: unknown]> {
    const { clock, likes, fans } = this.#parts;
    const nowMs = clock.nowMs();
    const [total, rank] = [likes.takeTotal(nowMs), fans.takeTop(nowMs)];
    if (total) yield ['likes', total];
    if (rank) yield ['rank', rank];
  }

  /** Resolves when what is known is written, as far as it can be. */
  async close(how: HowClosed): Promise<void> {
    clearTimeout(this.#later);
    this.presence[Symbol.dispose]();
    await this.#parts.onClose(how);
  }

  #tellLater(): void {
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      this.#parts.onChange();
    }, tellLaterMs).unref();
  }
}
