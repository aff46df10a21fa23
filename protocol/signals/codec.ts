import type { Batch, Signal, SignalClass, StatePart, ClassCount, Tier } from './signal.ts';

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

/** Signals of one class in the order of their offsets. */
export function encodeSignals(signals: readonly Signal[], _base: BatchBase): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(signals));
}

/** @throws RangeError for bytes that are not such signals */
export function decodeSignals(section: EncodedSection, _base: BatchBase): Signal[] {
  return JSON.parse(new TextDecoder().decode(section.payload)) as Signal[];
}

/** The message of one batch as every client of a tier and kind gets it. */
export function encodeBatch(batch: EncodedBatch): Uint8Array {
  const { sections, ...header } = batch;
  const signals = sections.flatMap((section) => decodeSignals(section, batch));
  return new TextEncoder().encode(JSON.stringify({ ...header, signals }));
}

/** @throws RangeError for bytes that are no batch */
export function decodeBatch(bytes: Uint8Array): Batch {
  return JSON.parse(new TextDecoder().decode(bytes)) as Batch;
}
