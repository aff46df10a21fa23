import { setTimeout as delay } from 'node:timers/promises';
import { encodeTag } from '@gala/media/flv';
import type { EdgeEvents } from './events.ts';
import type { HlsOutputs } from './hls/outputs.ts';
import type { Ingest } from './ingest.ts';
import { Payload } from './payload.ts';
import type { Play } from './play.ts';
import type { Edges } from './relay/edges.ts';
import { encodeScript } from './script.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';
import type { Viewer } from './viewer.ts';

export interface DrainOptions {
  readonly edges: Edges;
  readonly streams: Streams;
  readonly events: EdgeEvents;
  /** How long players get to go to another edge. */
  readonly moveMs: number;
  readonly doors: DrainedDoors;
}

/** What is closed to those who come, and then to all. */
export interface DrainedDoors {
  readonly ingest: Ingest;
  readonly play: Play;
  readonly hls: HlsOutputs;
  /** Listeners on ports where other processes listen too. */
  readonly sharedPorts: readonly { stopAccepting(): void }[];
}

/** Players that are sent away at once, and how often: the edges that take them join 5,000 a second each. */
const sliceViewers = 100;
const sliceMs = 20;
const lookMs = 50;
/** Edges that begin to drain together know of each other by then, and send nobody to each other. */
const settleMs = 150;
const timestampRange = 2 ** 32;

/**
 * Empties an edge that is to stop. Where another edge takes viewers, players are told to go there and find the streams
 * in its GOP cache; publishers are closed when the viewers are away, and come back within the hold. What is still
 * here then gets the end of its stream.
 */
export class Drain {
  readonly #options: DrainOptions;
  #begun: Promise<void> | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  get isDraining(): boolean {
    return this.#begun !== undefined;
  }

  /** True when there is another edge to go to. */
  get hasElsewhere(): boolean {
    return this.#options.edges.others().length > 0;
  }

  /** Resolves when the edge is empty, after `edge.moveMs` at the latest. A second call waits for the first. */
  begin(reason: string): Promise<void> {
    this.#begun ??= this.#run(reason);
    return this.#begun;
  }

  async #run(reason: string): Promise<void> {
    const { edges, events } = this.#options;
    if (edges.others().length > 0) {
      events.drainBegun(reason);
      await this.#announce();
      this.#refuse();
      await this.#move(reason);
    }
    this.#close();
    events.drained(reason);
  }

  /** The other edges need not know: whoever is sent here is refused and comes to them. */
  async #announce(): Promise<void> {
    try {
      await this.#options.edges.leaveSoon();
      await delay(settleMs);
    } catch (error) {
      this.#options.events.drainUnannounced(error);
    }
  }

  /** Whoever comes to a shared port from here on comes to another process. */
  #refuse(): void {
    const { ingest, play, sharedPorts } = this.#options.doors;
    ingest.refuse();
    play.close();
    for (const listener of sharedPorts) listener.stopAccepting();
  }

  /** Playlists of HLS may go on at another edge, so they do not end here. */
  #close(): void {
    const { ingest, hls } = this.#options.doors;
    hls[Symbol.dispose]();
    ingest.close();
  }

  async #move(reason: string): Promise<void> {
    const { edges, moveMs } = this.#options;
    const targets = edges.others().map(({ publicUrl }) => publicUrl);
    if (targets.length === 0) return;
    const endsAtMs = performance.now() + moveMs;
    await this.#sendAway(targets, reason);
    while (this.#viewers() > 0 && performance.now() < endsAtMs) await delay(lookMs);
  }

  async #sendAway(targets: readonly (string | undefined)[], reason: string): Promise<void> {
    let sent = 0;
    for (const stream of this.#options.streams) {
      const payloads = targets.map((url) => moveTag(stream, { reason, ...(url && { url }) }));
      for (const viewer of stream.viewers()) {
        const payload = payloads[Math.floor(sent / sliceViewers) % payloads.length];
        if (!tell(viewer, payload)) continue;
        this.#options.events.counters.viewersMoved++;
        if (++sent % sliceViewers === 0) await delay(sliceMs);
      }
    }
  }

  #viewers(): number {
    let sum = 0;
    for (const { viewerCount, players } of this.#options.streams) sum += viewerCount - players.count;
    return sum;
  }
}

/** Script data that our players know (docs/access.md); others leave it out. RTMP players have no use for it. */
function tell(viewer: Viewer, payload: Payload): boolean {
  if (viewer.closed || viewer.framing === 'rtmp') return false;
  viewer.socket.write(payload.in(viewer.framing));
  return true;
}

function moveTag(stream: Stream, fields: { reason: string; url?: string }): Payload {
  const timestampMs = stream.positionMs;
  const payload = encodeScript('onGalaMove', fields);
  const bytes = encodeTag({ type: 'data', timestampMs: timestampMs % timestampRange, payload });
  const traits = { keyFrame: false, sequenceHeader: false, disposable: false };
  return new Payload([{ kind: 'data', sequence: 0, timestampMs, ...traits, bytes }]);
}
