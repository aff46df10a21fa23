import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import type { BlobStore } from '@gala/lib/blob';
import { hasCode } from '@gala/lib/error';
import type { RecordEvents, Removal } from './events.ts';
import {
  keyOf,
  parseKey,
  reportsOf,
  type FinishedPart,
  type PartName,
  type RecordingFormat,
  type RecordingReport,
} from './recording.ts';

const noteShape = z.object({
  durationMs: z.number(),
  state: z.enum(['done', 'failed']),
  reason: z.string(),
  files: z.array(z.object({ format: z.enum(['mp4', 'flv']), bytes: z.number() })),
  isReported: z.boolean(),
});

export interface LibraryOptions {
  readonly store: BlobStore;
  readonly events: RecordEvents;
  readonly send: (report: RecordingReport) => void;
}

/** A part whose process died before it ended. */
export interface LostPart extends PartName {
  readonly formats: readonly RecordingFormat[];
}

interface Shelved {
  readonly part: FinishedPart;
  isReported: boolean;
}

/** Bytes beyond what is needed now that are freed at once, so that not every write removes something. */
const spareShare = 100;

/**
 * The recordings in the folder of this process that have ended. Each has a note beside its files, which says what
 * came of it and whether the room service knows: a part without one was lost with its process.
 */
export class Library {
  readonly #options: LibraryOptions;
  /** By name; about 200 bytes each, so the budget of the folder bounds it. */
  readonly #parts = new Map<string, Shelved>();
  #removing: Promise<void> = Promise.resolve();

  constructor(options: LibraryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#parts.size;
  }

  /** Reads the folder; sends what the room service has not heard. Answers the parts without a note. */
  async open(): Promise<LostPart[]> {
    const lost = new Map<string, PartName & { formats: RecordingFormat[] }>();
    const noted = new Set<string>();
    for await (const key of this.#keys()) {
      const parsed = parseKey(key);
      if (!parsed) continue;
      const { part, extension } = parsed;
      const name = nameOf(part);
      if (extension === 'json') {
        if (await this.#readNote(part)) noted.add(name);
      } else {
        const found = lost.get(name) ?? { ...part, formats: [] };
        found.formats.push(extension);
        lost.set(name, found);
      }
    }
    return [...lost].filter(([name]) => !noted.has(name)).map(([, part]) => part);
  }

  /** A part has ended: noted, and told to the room service. One without a byte of media is dropped. */
  async add(part: FinishedPart): Promise<void> {
    const shelved: Shelved = { part, isReported: false };
    this.#parts.set(nameOf(part), shelved);
    for (const report of reportsOf(part)) this.#options.send(report);
    await this.#writeNote(shelved);
  }

  /** The room service knows of a file. */
  async delivered(report: RecordingReport): Promise<void> {
    const shelved = this.#parts.get(nameOf(report));
    if (!shelved || shelved.isReported || report.state !== shelved.part.state) return;
    shelved.isReported = true;
    await this.#writeNote(shelved);
  }

  /** Removes the oldest until `bytes` more fit into the budget, or nothing is left to remove. */
  makeRoom(bytes: number): Promise<void> {
    const { store } = this.#options;
    const isShort = (spare: number): boolean => {
      const usage = store.usage();
      return usage.bytes + bytes + spare > usage.bytesMax;
    };
    if (!isShort(0)) return Promise.resolve();
    return this.#serially(async () => {
      const spare = store.usage().bytesMax / spareShare;
      for (const part of this.#oldestFirst()) {
        if (!isShort(spare)) return;
        await this.#remove(part, 'budget');
      }
    });
  }

  /** Removes what is older than `keepMs`. */
  expire(nowMs: number, keepMs: number): Promise<void> {
    return this.#serially(async () => {
      for (const part of this.#oldestFirst()) {
        if (nowMs - part.startedAtMs < keepMs) return;
        await this.#remove(part, 'age');
      }
    });
  }

  /** Removes what a host does not want any more; false for what is not here, or is still written. */
  async discard(name: PartName): Promise<boolean> {
    const shelved = this.#parts.get(nameOf(name));
    if (shelved) await this.#serially(() => this.#remove(shelved.part, 'by_host'));
    return shelved !== undefined;
  }

  /** Removals one after the other, so that two writers in need do not remove twice what one needs. */
  #serially(work: () => Promise<void>): Promise<void> {
    const done = this.#removing.then(work);
    this.#removing = done.catch(() => undefined);
    return done;
  }

  #oldestFirst(): FinishedPart[] {
    return [...this.#parts.values()]
      .map(({ part }) => part)
      .toSorted((one, other) => one.startedAtMs - other.startedAtMs);
  }

  async #remove(part: FinishedPart, reason: Removal): Promise<void> {
    const { store, events, send } = this.#options;
    // The note goes last: a removal that is cut short is one that the next start finds whole or goes on with.
    for (const { format } of part.files) await store.delete(keyOf(part, format));
    await store.delete(keyOf(part, 'json'));
    this.#parts.delete(nameOf(part));
    events.removed(part, reason);
    for (const report of reportsOf(part, 'removed')) send(report);
  }

  async *#keys(): AsyncIterable<string> {
    let cursor: string | undefined;
    do {
      const page = await this.#options.store.list('', cursor === undefined ? {} : { cursor });
      for (const { key } of page.blobs) yield key;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** False for a note that cannot be read: the part counts as lost, and gets another. */
  async #readNote(name: PartName): Promise<boolean> {
    const content = await this.#options.store.get(keyOf(name, 'json'));
    const text = (await buffer(content.body)).toString();
    const note = noteShape.safeParse(parsed(text));
    if (!note.success) return false;
    const { isReported, ...rest } = note.data;
    const part = { ...name, ...rest, reason: rest.reason as FinishedPart['reason'] };
    this.#parts.set(nameOf(name), { part, isReported });
    if (!isReported) for (const report of reportsOf(part)) this.#options.send(report);
    return true;
  }

  async #writeNote({ part, isReported }: Shelved): Promise<void> {
    const { durationMs, state, reason, files } = part;
    const text = JSON.stringify({ durationMs, state, reason, files, isReported });
    try {
      await this.#options.store.put(keyOf(part, 'json'), Buffer.from(text));
    } catch (error) {
      // On a full disk the next start finds the part without a note and measures it again.
      if (!hasCode(error)) throw error;
      this.#options.events.upkeepFailed('note', error);
    }
  }
}

function nameOf({ roomId, startedAtMs }: PartName): string {
  return `${roomId}/${startedAtMs}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
