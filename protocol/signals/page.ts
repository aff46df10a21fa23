import { ByteReader, ByteWriter, parseJson } from './bytes.ts';
import { decodeBatch, readPart, writePart } from './codec.ts';
import { isBatch, isStatePart, withKnownSignals } from './server-messages.ts';
import { isCount, isFields, isListOf } from './shapes.ts';
import type { Batch, StatePart } from './signal.ts';

/** First byte of a page; see `batchVersion`. */
export const pageVersion = 1;

/** Media types of pages and what `Accept` may ask for; the binary one otherwise. */
export const pageMediaTypes = {
  binary: 'application/vnd.gala.signals.v1',
  json: 'application/json',
} as const;

interface PageHead {
  readonly epoch: number;
  /** What the batches follow: a client that has less than this lacks what is between. */
  readonly after: number;
  /** What a client has after this page; the `after` of its next pull. */
  readonly offset: number;
  /** False: between what was asked for and `offset` something is gone for good. Control and money are there even then. */
  readonly isComplete: boolean;
  readonly stateVersion: number;
  /** As that of a batch, after this page. */
  readonly durable: number;
  /** All parts, for a client that has none yet; empty otherwise. */
  readonly state: readonly StatePart[];
}

/** What is read by HTTP: the answer of a pull, or a slot of time. */
export interface SignalPage extends PageHead {
  readonly batches: readonly Batch[];
}

export interface EncodedPage extends PageHead {
  /** As `encodeBatch` made them. */
  readonly batches: readonly Uint8Array[];
}

export function encodePage({ batches, state, ...head }: EncodedPage): Uint8Array {
  const out = new ByteWriter();
  out.number(pageVersion);
  const start = out.begin();
  out.number(head.epoch);
  out.number(head.after);
  out.number(head.offset);
  out.number(head.isComplete ? 1 : 0);
  out.number(head.stateVersion);
  out.number(head.durable);
  out.end(start);
  out.number(state.length);
  for (const part of state) writePart(out, part);
  out.number(batches.length);
  for (const batch of batches) out.block(batch);
  return out.take();
}

/** @throws RangeError for bytes that are no page, or one of a later version */
export function decodePage(bytes: Uint8Array): SignalPage {
  const from = new ByteReader(bytes);
  if (from.number() !== pageVersion) throw new RangeError('the page is of another version');
  const head = readHead(new ByteReader(from.block()));
  const state = from.blocks(readPart);
  const batches = Array.from({ length: from.count() }, () => decodeBatch(from.block()));
  return { ...head, state, batches };
}

function readHead(from: ByteReader): Omit<PageHead, 'state'> {
  return {
    epoch: from.number(),
    after: from.number(),
    offset: from.number(),
    isComplete: from.number() !== 0,
    stateVersion: from.number(),
    durable: from.number(),
  };
}

/** A page out of JSON. @throws RangeError for what is none */
export function parsePage(text: string): SignalPage {
  const page = parseJson(text);
  if (!isPage(page)) throw new RangeError('a page lacks a field, or has a wrong one');
  return { ...page, batches: page.batches.map(withKnownSignals) };
}

function isPage(value: unknown): value is SignalPage {
  return (
    isFields(value) &&
    ['epoch', 'after', 'offset', 'stateVersion', 'durable'].every((name) => isCount(value[name])) &&
    typeof value['isComplete'] === 'boolean' &&
    isListOf(value['state'], isStatePart) &&
    isListOf(value['batches'], isBatch)
  );
}
