import type { Clock } from '@gala/lib/clock';
import { Ticker } from '@gala/lib/lifecycle';
import type { Logger } from '@gala/lib/logger';
import type { InteractionConfig } from './config.ts';
import type { Deliveries } from './delivery.ts';
import type { InteractionEvents } from './events.ts';
import type { Partitions } from './partitions.ts';
import type { Rooms } from './rooms.ts';

export interface UpkeepOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: Pick<InteractionConfig, 'roomIdleMs' | 'partitionIdleMs'>;
  readonly events: InteractionEvents;
  readonly rooms: Rooms;
  readonly partitions: Partitions;
  readonly deliveries: Deliveries;
  /** Signal nodes that are alive. */
  readonly nodes: () => Promise<readonly string[]>;
}

const everyMs = 1000;
/** A node that has just come may not be known yet. */
const absentMsMax = 3000;

/** Lets go, once a second, what nobody needs: nodes that are gone, rooms without viewers, partitions without rooms. */
export class Upkeep implements AsyncDisposable {
  readonly #options: UpkeepOptions;
  readonly #ticker: Ticker;
  readonly #absentSinceMs = new Map<string, number>();

  constructor(options: UpkeepOptions) {
    this.#options = options;
    const run = (): Promise<void> => this.#run();
    const { logger } = options;
    this.#ticker = new Ticker({
      name: 'rooms of interaction',
      intervalMs: everyMs,
      run,
      logger,
      unref: true,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ticker[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#options.deliveries.nodes().length > 0) await this.#dropNodes(nowMs);
    const wallMs = this.#options.clock.nowMs();
    for (const room of this.#options.rooms.list()) room.tellViewers(wallMs);
    this.#closeRooms(nowMs);
    this.#giveBack(nowMs);
  }

  /** While it is not known who is alive nobody is dropped. */
  async #dropNodes(nowMs: number): Promise<void> {
    const { nodes, deliveries } = this.#options;
    const alive = new Set(await nodes().catch(() => deliveries.nodes()));
    for (const node of deliveries.nodes()) {
      const sinceMs = this.#absentSinceMs.get(node) ?? nowMs;
      if (alive.has(node)) this.#absentSinceMs.delete(node);
      else if (nowMs - sinceMs < absentMsMax) this.#absentSinceMs.set(node, sinceMs);
      else this.#drop(node);
    }
  }

  #drop(node: string): void {
    const { deliveries, clock, events } = this.#options;
    this.#absentSinceMs.delete(node);
    const rooms = deliveries.drop(node);
    events.nodeLost(node, rooms.length);
    for (const room of rooms) room.leave(node, clock.nowMs());
  }

  #closeRooms(nowMs: number): void {
    const { rooms, config } = this.#options;
    for (const room of rooms.list()) {
      if (room.nodes.size > 0) room.idleSinceMs = undefined;
      else if (nowMs - (room.idleSinceMs ??= nowMs) > config.roomIdleMs) rooms.close(room, 'no viewers');
    }
  }

  #giveBack(nowMs: number): void {
    const { rooms, partitions, config } = this.#options;
    const used = new Set<unknown>();
    for (const { holding } of rooms.list()) used.add(holding);
    for (const holding of partitions.list()) {
      if (used.has(holding)) holding.idleSinceMs = undefined;
      else if (nowMs - (holding.idleSinceMs ??= nowMs) > config.partitionIdleMs)
        void partitions.giveBack(holding, 'no room is open');
    }
  }
}
