import { createAvcDecoderRecord, type AvcDecoderRecord } from './decoder-record.ts';
import { avccNals, isReference, nalType, nalTypeOf, type NalLengthBytes } from './nal.ts';

/** Parameter sets of one access unit that are looked at; more are malformed input. */
const SETS_MAX = 31;
const PARAMETER_SET_BYTES_MAX = 0xffff;

/** What an access unit in AVCC form contains. */
export interface AvcAccessUnit {
  hasIdr: boolean;
  /** True if no other picture refers to any slice in it. */
  isDisposable: boolean;
  sps: Buffer[];
  pps: Buffer[];
}

/** Looks through an access unit once. Errors: `AVC_NAL_INVALID`. */
export function inspectAvcAccessUnit(accessUnit: Buffer, nalLengthBytes: NalLengthBytes): AvcAccessUnit {
  const found: AvcAccessUnit = { hasIdr: false, isDisposable: false, sps: [], pps: [] };
  let slices = 0;
  let references = 0;
  for (const nal of avccNals(accessUnit, nalLengthBytes)) {
    const type = nalTypeOf(nal);
    if (type >= nalType.slice && type <= nalType.idr) {
      slices += 1;
      if (isReference(nal)) references += 1;
      if (type === nalType.idr) found.hasIdr = true;
    } else if (type === nalType.sps) keepSet(found.sps, nal);
    else if (type === nalType.pps) keepSet(found.pps, nal);
  }
  found.isDisposable = slices > 0 && references === 0;
  return found;
}

function keepSet(sets: Buffer[], nal: Buffer): void {
  if (sets.length < SETS_MAX && nal.length <= PARAMETER_SET_BYTES_MAX) sets.push(nal);
}

/**
 * The record to use from an access unit on that carries parameter sets in band: a new one if they are not those
 * of `record` (or there was no record), else undefined. The new record owns its memory. Sets of a kind that is
 * not in band are kept. Errors: `AVC_RECORD_INVALID`, `AVC_SPS_INVALID`, `BITS_EXHAUSTED`.
 */
export function rebuildAvcDecoderRecord(
  record: AvcDecoderRecord | undefined,
  unit: AvcAccessUnit,
): AvcDecoderRecord | undefined {
  const sps = unit.sps.length > 0 ? unit.sps : (record?.sps ?? []);
  const pps = unit.pps.length > 0 ? unit.pps : (record?.pps ?? []);
  if (sps.length === 0 || pps.length === 0) return undefined;
  if (record !== undefined && containsAll(record.sps, sps) && containsAll(record.pps, pps)) return undefined;
  const rebuilt = createAvcDecoderRecord(sps.map(copy), pps.map(copy), record?.nalLengthBytes ?? 4);
  // Chroma and bit depth fields stay true as long as the SPS does.
  const isSameSps = record !== undefined && containsAll(record.sps, sps);
  return isSameSps ? { ...rebuilt, extension: record.extension } : rebuilt;
}

function containsAll(known: Buffer[], sets: Buffer[]): boolean {
  return sets.every((set) => known.some((each) => each.equals(set)));
}

function copy(bytes: Buffer): Buffer {
  return Buffer.from(bytes);
}
