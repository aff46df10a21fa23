const HEADER_BYTES = 8;

/** Version and flags of a FullBox. */
export interface FullBoxHead {
  version?: number;
  flags?: number;
}

/** Writes a box with a 32-bit size (ISO/IEC 14496-12, 4.2). */
export function box(type: string, ...parts: Buffer[]): Buffer {
  return Buffer.concat([boxHeader(type, bytesOf(parts)), ...parts]);
}

/** Writes a box that begins with version and flags. */
export function fullBox(type: string, head: FullBoxHead, ...parts: Buffer[]): Buffer {
  return box(type, uint32((head.version ?? 0) * 2 ** 24 + (head.flags ?? 0)), ...parts);
}

/** The header alone of a box whose body of `bodyBytes` follows. */
export function boxHeader(type: string, bodyBytes: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt32BE(HEADER_BYTES + bodyBytes, 0);
  header.write(type, 4, 'latin1');
  return header;
}

export function uint8(...values: number[]): Buffer {
  return Buffer.from(values);
}

export function uint16(...values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

/** 64-bit fields of values below 2^53. */
export function uint64(...values: number[]): Buffer {
  return uint32(...values.flatMap((value) => [Math.floor(value / 2 ** 32), value % 2 ** 32]));
}

export function bytesOf(parts: readonly Buffer[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  return bytes;
}
