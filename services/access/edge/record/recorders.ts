import type { BlobStore } from '@gala/lib/blob';
import type { Clock } from '@gala/lib/clock';
import type { DiskWatch } from '@gala/lib/disk';
import { Ticker } from '@gala/lib/lifecycle';
import type { Logger } from '@gala/lib/logger';
import type { Client } from '@gala/lib/rpc';
import type { RoomService } from '@gala/protocol/room';
import type { Stream } from '../stream.ts';
import type { Streams } from '../streams.ts';
import type { RecordConfig } from './config.ts';
import type { RecordEvents } from './events.ts';
import { Library, type LostPart } from './library.ts';
import { Recorder } from './recorder.ts';
import {
  keyOf,
  reportsOf,
  type FinishedPart,
  type PartName,
  type RecordingFormat,
  type RecordingReport,
} from './recording.ts';
import { closeLostPart } from './recovery.ts';
import { RecordingReports } from './reports.ts';

export interface RecordersOptions {
  readonly store: BlobStore;
  /** Name of the folder of this process. */
  readonly folder: string;
  readonly disk: DiskWatch;
  readonly rooms: Client<typeof RoomService>;
  readonly streams: Streams;
  readonly clock: Clock;
  readonly config: RecordConfig;
  readonly events: RecordEvents;
  readonly logger: Logger;
}

export type RecordingObserver = (report: RecordingReport) => void;

const lookMs = 1_000;
const upkeepMs = 5_000;

/** The recordings of this process: of streams whose publisher is here, and those from before its start. */
export class Recorders implements AsyncDisposable {
  readonly #options: RecordersOptions;
  readonly #byStream = new Map<Stream, Recorder>();
  readonly #ending = new Set<Promise<void>>();
  readonly #observers: RecordingObserver[] = [];
  readonly #reports: RecordingReports;
  readonly #library: Library;
  readonly #tickers: readonly Ticker[];
  #lost: LostPart[] = [];

  constructor(options: RecordersOptions) {
    this.#options = options;
    const { rooms, folder, events, store, logger, streams } = options;
    const onDelivered = (report: RecordingReport): void =>
      this.#follow(this.#library.delivered(report), 'delivered');
    this.#reports = new RecordingReports({ rooms, folder, events, onDelivered });
    this.#library = new Library({ store, events, send: (report) => this.#send(report) });
    const ticker = (name: string, intervalMs: number, run: (signal: AbortSignal) => void | Promise<void>) =>
      new Ticker({ name, intervalMs, run, logger, unref: true });
    this.#tickers = [
      ticker('recordings and the disk', lookMs, () => this.#look()),
      ticker('upkeep of recordings', upkeepMs, (signal) => this.#upkeep(signal)),
    ];
    streams.observe((stream) => this.#changed(stream));
  }

  /** Streams being recorded. */
  get size(): number {
    return this.#byStream.size;
  }

  /** Parts in the folder that have ended. */
  get partCount(): number {
    return this.#library.size;
  }

  /** Reports that wait for the room service. */
  get waitingReports(): number {
    return this.#reports.size;
  }

  /** Whoever follows recordings (hooks) hears of every file that begins, ends or is removed. */
  observe(observer: RecordingObserver): void {
    this.#observers.push(observer);
  }

  /** Reads what lies in the folder; what a lost process left is closed one by one with the upkeep. */
  async open(): Promise<void> {
    this.#lost = await this.#library.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#tickers.map((ticker) => ticker[Symbol.asyncDispose]()));
    for (const recorder of this.#byStream.values()) this.#stop(recorder);
    while (this.#ending.size > 0) await Promise.all(this.#ending);
    await this.#reports[Symbol.asyncDispose]();
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  #changed(stream: Stream): void {
    const recorder = this.#byStream.get(stream);
    const { state } = stream;
    if (state === 'ended') this.#byStream.delete(stream);
    else if (state === 'hold') recorder?.hold();
    else if (state === 'live') this.#choose(stream, recorder);
  }

  /** What the host wants is asked when a publisher begins: a change reaches the stream then. */
  #choose(stream: Stream, recorder: Recorder | undefined): void {
    const isWanted = stream.isOwner && (this.#options.config.all || stream.identity.media.record);
    if (isWanted && !recorder) this.#begin(stream);
    else if (!isWanted && recorder) this.#stop(recorder);
  }

  #begin(stream: Stream): void {
    const { disk } = this.#options;
    const recorder = new Recorder({
      ...this.#options,
      stream,
      makeRoom: (bytes) => this.#library.makeRoom(bytes),
      mayWrite: () => !disk.isFull,
      onBegan: (part, formats) => this.#began(part, formats),
      onEnded: (ended) => this.#follow(this.#shelve(ended), 'shelve'),
    });
    this.#byStream.set(stream, recorder);
    stream.addOutput(recorder);
  }

  #stop(recorder: Recorder): void {
    this.#byStream.delete(recorder.stream);
    recorder.stream.removeOutput(recorder);
    recorder.end();
  }

  #began(part: PartName, formats: readonly RecordingFormat[]): void {
    for (const format of formats) {
      this.#send({ ...part, format, bytes: 0, durationMs: 0, state: 'recording', reason: '' });
    }
  }

  async #shelve(ended: Promise<FinishedPart>): Promise<void> {
    const part = await ended;
    // What a failure left is measured, since not all that was sent has been written.
    const formats = part.files.filter(({ bytes }) => bytes > 0).map(({ format }) => format);
    const kept =
      part.state === 'failed' ? await closeLostPart(this.#options.store, { ...part, formats }) : part;
    if (!kept || kept.durationMs === 0) return this.#drop(part);
    const shelved = { ...kept, state: part.state, reason: part.reason };
    this.#options.events.ended(shelved);
    await this.#library.add(shelved);
  }

  async #drop(part: FinishedPart): Promise<void> {
    for (const { format } of part.files) await this.#options.store.delete(keyOf(part, format));
    this.#options.events.removed(part, 'empty');
    for (const report of reportsOf(part, 'removed')) this.#send(report);
  }

  #send(report: RecordingReport): void {
    for (const observer of this.#observers) observer(report);
    this.#reports.send(report);
  }

  /** Work that nobody waits for but the end of the process. */
  #follow(work: Promise<void>, step: string): void {
    const followed = work.catch((error: unknown) => this.#options.events.upkeepFailed(step, error));
    this.#ending.add(followed);
    void followed.then(() => this.#ending.delete(followed));
  }

  /** A publisher who takes over changes no state of the stream, so what is wanted is looked at as well. */
  #look(): void {
    for (const stream of this.#options.streams) {
      if (stream.state === 'live') this.#choose(stream, this.#byStream.get(stream));
    }
    if (!this.#options.disk.isFull) return;
    for (const recorder of this.#byStream.values()) recorder.interrupt('disk_nearly_full');
  }

  async #upkeep(signal: AbortSignal): Promise<void> {
    await this.#recover(signal);
    const { clock, config, rooms, folder, events } = this.#options;
    if (config.keepMs > 0) await this.#library.expire(clock.nowMs(), config.keepMs);
    try {
      const { recordings } = await rooms.listRemovals({ folder }, { signal });
      for (const { roomId, startedAtMs } of recordings) {
        await this.#library.discard({ roomId: Number(roomId), startedAtMs: Number(startedAtMs) });
      }
    } catch (error) {
      if (!signal.aborted) events.upkeepFailed('removals', error);
    }
  }

  async #recover(signal: AbortSignal): Promise<void> {
    for (let lost = this.#lost.shift(); lost && !signal.aborted; lost = this.#lost.shift()) {
      try {
        await this.#closeLost(lost);
      } catch (error) {
        this.#options.events.recoveryFailed(lost, error);
      }
    }
  }

  async #closeLost(lost: LostPart): Promise<void> {
    const part = await closeLostPart(this.#options.store, lost);
    if (part) {
      this.#options.events.recovered(part);
      await this.#library.add(part);
    } else {
      const files = lost.formats.map((format) => ({ format, bytes: 0 }));
      await this.#drop({ ...lost, files, durationMs: 0, state: 'failed', reason: 'lost' });
    }
  }
}
