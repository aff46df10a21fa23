import type { IncomingMessage } from 'node:http';

/** The bytes of a file that one request wants, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

const single = /^bytes=(\d{0,15})-(\d{0,15})$/;

/**
 * Reads `Range` of a file of `size` bytes (RFC 9110, 14.1.2). Undefined means the whole file: there is no range, or
 * one that may be ignored, such as several at once.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const [, from = '', to = ''] = single.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  if (from === '') {
    const count = Math.min(Number(to), size);
    return count === 0 ? 'unsatisfiable' : { first: size - count, last: size - 1 };
  }
  const first = Number(from);
  if (to !== '' && Number(to) < first) return undefined;
  if (first >= size) return 'unsatisfiable';
  return { first, last: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}

/** The range that a request wants of a file: none when it knows another state of the file (RFC 9110, 13.1.5). */
export function rangeOf(
  { headers }: IncomingMessage,
  file: { readonly size: number; readonly etag: string },
) {
  const known = headers['if-range'];
  return known !== undefined && known !== file.etag ? undefined : parseRange(headers.range, file.size);
}

/** The bytes of a range out of a file in pieces; nothing is copied. */
export function sliceChunks(chunks: readonly Buffer[], { first, last }: ByteRange): Buffer[] {
  const slices: Buffer[] = [];
  let offset = 0;
  for (const chunk of chunks) {
    const slice = chunk.subarray(Math.max(0, first - offset), Math.max(0, last + 1 - offset));
    if (slice.length > 0) slices.push(slice);
    offset += chunk.length;
  }
  return slices;
}
