import { ByteReader, ByteWriter, parseJson } from './bytes.ts';
import { itemCodecs, typeOfCode, type Authors } from './items.ts';
import {
  roomRoles,
  signalClasses,
  tiers,
  type Author,
  type Batch,
  type ClassCount,
  type Signal,
  type SignalClass,
  type StatePart,
  type Tier,
} from './signal.ts';

/** First byte of a batch; another one when those who know this one could not read it any more. */
export const batchVersion = 1;

/** Where offsets and times of a batch begin; items are told from there. */
export interface BatchBase {
  readonly from: number;
  readonly atMs: number;
}

/** Signals of one class, encoded once by the owner of the room and shared by all who get them. */
export interface EncodedSection {
  readonly class: SignalClass;
  readonly items: number;
  readonly payload: Uint8Array;
}

/** A batch of which the signals are encoded already. */
export interface EncodedBatch extends BatchBase {
  readonly epoch: number;
  readonly to: number;
  readonly stateVersion: number;
  readonly durable: number;
  readonly tier: Tier;
  readonly counts: readonly ClassCount[];
  readonly state: readonly StatePart[];
  readonly sections: readonly EncodedSection[];
}

/** Bits of an item's flags: which optional fields follow. */
const hasSignalId = 1;
const hasMediaMs = 2;

/** Encoding never waits, so that all of it shares one buffer. */
const writer = new ByteWriter();

/**
 * Signals of one class, none of them before `base`. Their class and filter are not in the bytes: the section and who
 * is sent it say them.
 * @throws RangeError for a signal before `base.from`, or a number that is not whole or not safe
 */
export function encodeSignals(signals: readonly Signal[], base: BatchBase): Uint8Array {
  return written((out) => {
    const mediaBaseMs = signals.find(({ mediaMs }) => mediaMs !== undefined)?.mediaMs ?? 0;
    out.number(mediaBaseMs);
    const authors = new SectionAuthors(signals);
    authors.write(out);
    for (const signal of signals) writeItem(out, signal, { base, mediaBaseMs, authors });
  });
}

interface ItemContext<AuthorTable> {
  readonly base: BatchBase;
  readonly mediaBaseMs: number;
  readonly authors: AuthorTable;
}

function writeItem(
  out: ByteWriter,
  signal: Signal,
  { base, mediaBaseMs, authors }: ItemContext<Authors>,
): void {
  const { type, offset, atMs, signalId, mediaMs } = signal;
  const codec = itemCodecs[type] as { code: number; write: WriteFields };
  const start = out.begin();
  out.number(codec.code);
  out.number(offset - base.from);
  out.signed(atMs - base.atMs);
  out.number((signalId ? hasSignalId : 0) + (mediaMs === undefined ? 0 : hasMediaMs));
  if (signalId) out.text(signalId);
  if (mediaMs !== undefined) out.signed(mediaMs - mediaBaseMs);
  codec.write(out, signal, authors);
  out.end(start);
}

type WriteFields = (out: ByteWriter, signal: Signal, authors: Authors) => void;

/**
 * Types that this version does not know are passed over.
 * @throws RangeError for bytes that are not such signals
 */
export function decodeSignals(section: EncodedSection, base: BatchBase): Signal[] {
  const from = new ByteReader(section.payload);
  const mediaBaseMs = from.number();
  const context = { base, mediaBaseMs, authors: from.blocks(readAuthor) };
  const signals: Signal[] = [];
  let items = 0;
  for (; !from.isAtEnd; items++) {
    const signal = readItem(new ByteReader(from.block()), section.class, context);
    if (signal) signals.push(signal);
  }
  if (items !== section.items) throw new RangeError('a section has not as many items as it says');
  return signals;
}

function readItem(
  from: ByteReader,
  signalClass: SignalClass,
  { base, mediaBaseMs, authors }: ItemContext<readonly Author[]>,
): Signal | undefined {
  const type = typeOfCode(from.number());
  if (!type) return undefined;
  const offset = safe(base.from + from.number());
  const atMs = safe(base.atMs + from.signed());
  const flags = from.number();
  const signalId = flags & hasSignalId ? from.text() : '';
  const media = flags & hasMediaMs ? { mediaMs: safe(mediaBaseMs + from.signed()) } : {};
  const fields = itemCodecs[type].read(from, authors);
  return { type, class: signalClass, offset, atMs, signalId, ...media, ...fields } as Signal;
}

/** The authors of a section, in the order in which they come. */
class SectionAuthors implements Authors {
  readonly #list: Author[] = [];
  readonly #indexes = new Map<Author, number>();
  readonly #indexesOfNames = new Map<string, number>();

  constructor(signals: readonly Signal[]) {
    for (const signal of signals) if ('author' in signal) this.#add(signal.author);
  }

  indexOf(author: Author): number {
    return this.#indexes.get(author) ?? -1;
  }

  write(out: ByteWriter): void {
    out.number(this.#list.length);
    for (const { userId, role, name } of this.#list) {
      const start = out.begin();
      out.number(userId);
      out.number(roomRoles.indexOf(role));
      out.text(name);
      out.end(start);
    }
  }

  /** Names are nearly always one author's: two who share one stand there in turns, which is only longer. */
  #add(author: Author): void {
    if (this.#indexes.has(author)) return;
    const known = this.#indexesOfNames.get(author.name);
    const isKnown = known !== undefined && isSameAuthor(this.#list[known], author);
    const index = isKnown ? known : this.#list.push(author) - 1;
    this.#indexes.set(author, index);
    this.#indexesOfNames.set(author.name, index);
  }
}

function isSameAuthor(one: Author, other: Author): boolean {
  return one.userId === other.userId && one.role === other.role && one.name === other.name;
}

function readAuthor(from: ByteReader): Author {
  const userId = from.number();
  const role = roomRoles[from.number()] ?? 'viewer';
  return { userId, role, name: from.text() };
}

/** The message of one batch as every client of a tier and kind gets it. */
export function encodeBatch(batch: EncodedBatch): Uint8Array {
  return written((out) => {
    out.number(batchVersion);
    writeHeader(out, batch);
    out.number(batch.counts.length);
    for (const count of batch.counts) writeCount(out, count);
    out.number(batch.state.length);
    for (const part of batch.state) writePart(out, part);
    out.number(batch.sections.length);
    for (const { class: signalClass, items, payload } of batch.sections) {
      out.number(signalClasses.indexOf(signalClass));
      out.number(items);
      out.block(payload);
    }
  });
}

function writeHeader(out: ByteWriter, header: EncodedBatch): void {
  const { epoch, from, to, atMs, stateVersion, tier, durable } = header;
  const start = out.begin();
  out.number(epoch);
  out.number(from);
  out.number(to + 1 - from);
  out.number(atMs);
  out.number(stateVersion);
  out.number(tiers.indexOf(tier));
  out.number(durable);
  out.end(start);
}

function writeCount(out: ByteWriter, { class: signalClass, offered, merged, shed }: ClassCount): void {
  const start = out.begin();
  out.number(signalClasses.indexOf(signalClass));
  out.number(offered);
  out.number(merged);
  out.number(shed);
  out.end(start);
}

/** A part of the state, as batches and pages have it. */
export function writePart(out: ByteWriter, { name, version, stateVersion, value }: StatePart): void {
  const start = out.begin();
  out.text(name);
  out.number(version);
  out.number(stateVersion);
  out.text(JSON.stringify(value ?? null));
  out.end(start);
}

/** @throws RangeError for bytes that are no batch, or one of a later version */
export function decodeBatch(bytes: Uint8Array): Batch {
  const from = new ByteReader(bytes);
  if (from.number() !== batchVersion) throw new RangeError('the batch is of another version');
  const header = readHeader(new ByteReader(from.block()));
  const counts = from.blocks(readCount).filter((count) => count !== undefined);
  const state = from.blocks(readPart);
  const sections = Array.from({ length: from.count() }, () => readSection(from, header));
  const signals = sections.flat();
  if (sections.length > 1) signals.sort((left, right) => left.offset - right.offset);
  if (signals.some(({ offset }) => offset > header.to)) throw new RangeError('a signal is behind its batch');
  return { ...header, counts, signals, state };
}

/** A batch before its counts, state and signals. */
type BatchHeader = Omit<Batch, 'counts' | 'signals' | 'state'>;

function readHeader(from: ByteReader): BatchHeader {
  const epoch = from.number();
  const first = from.number();
  const to = safe(first + from.number() - 1);
  const atMs = from.number();
  const stateVersion = from.number();
  const tier = tiers[from.number()];
  if (!tier) throw new RangeError('there is no such tier');
  return { epoch, from: first, to, atMs, stateVersion, tier, durable: from.number() };
}

/** Undefined for a class that this version does not know. */
function readCount(from: ByteReader): ClassCount | undefined {
  const signalClass = signalClasses[from.number()];
  return (
    signalClass && {
      class: signalClass,
      offered: from.number(),
      merged: from.number(),
      shed: from.number(),
    }
  );
}

export function readPart(from: ByteReader): StatePart {
  return {
    name: from.text(),
    version: from.number(),
    stateVersion: from.number(),
    value: parseJson(from.text()),
  };
}

function readSection(from: ByteReader, base: BatchBase): Signal[] {
  const signalClass = signalClasses[from.number()];
  const items = from.number();
  const payload = from.block();
  return signalClass ? decodeSignals({ class: signalClass, items, payload }, base) : [];
}

/** The batch that `encodeBatch` would write, for those who get JSON. @throws RangeError for payloads that are none */
export function openBatch({ sections, ...batch }: EncodedBatch): Batch {
  const signals = sections.flatMap((section) => decodeSignals(section, batch));
  return { ...batch, signals: signals.sort((left, right) => left.offset - right.offset) };
}

function written(write: (out: ByteWriter) => void): Uint8Array {
  try {
    write(writer);
    return writer.take();
  } finally {
    writer.clear();
  }
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no offset and no time`);
  return value;
}
