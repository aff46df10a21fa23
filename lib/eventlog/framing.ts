import type { Entry } from './engine.ts';

const prefixBytes = 6;

/**
 * Entries as one run of bytes, each as `u32 length of value, u16 length of key, key, value`: one parameter of a
 * statement, where an array of bytes would travel as text.
 */
export function encodeEntries(writes: readonly (readonly Entry[])[]): { bytes: Buffer; lengths: number[] } {
  const lengths = writes.map(lengthOf);
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const { key, value } of writes.flat()) {
    const keyBytes = bytes.write(key, at + prefixBytes);
    bytes.writeUInt32BE(value.byteLength, at);
    bytes.writeUInt16BE(keyBytes, at + 4);
    at += prefixBytes + keyBytes;
    bytes.set(value, at);
    at += value.byteLength;
  }
  return { bytes, lengths };
}

/** The entries of one write; values are views into `bytes`. */
export function decodeEntries(bytes: Buffer): { key: string; value: Buffer }[] {
  const entries: { key: string; value: Buffer }[] = [];
  for (let at = 0; at < bytes.length;) {
    const keyAt = at + prefixBytes;
    const valueAt = keyAt + bytes.readUInt16BE(at + 4);
    at = valueAt + bytes.readUInt32BE(at);
    entries.push({ key: bytes.toString('utf8', keyAt, valueAt), value: bytes.subarray(valueAt, at) });
  }
  return entries;
}

function lengthOf(entries: readonly Entry[]): number {
  let length = 0;
  for (const { key, value } of entries) length += prefixBytes + Buffer.byteLength(key) + value.byteLength;
  return length;
}
