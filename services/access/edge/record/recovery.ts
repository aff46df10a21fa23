import type { BlobReader, BlobStore } from '@gala/lib/blob';
import { MediaError } from '@gala/media/error';
import { FlvTail } from '@gala/media/flv';
import { FragmentIndex, Mp4Error } from '@gala/media/mp4';
import type { LostPart } from './library.ts';
import { keyOf, type FinishedPart, type PartFile, type RecordingFormat } from './recording.ts';

const flvReadBytes = 256 * 1024;
/** Holds the `moof` of most groups of pictures with its header. */
const aheadBytes = 8 * 1024;

interface Measured extends PartFile {
  readonly durationMs: number;
}

/**
 * Closes the files of a part whose process died: each is cut behind its last whole fragment or tag, and measured.
 * Undefined when nothing of it can be played.
 */
export async function closeLostPart(store: BlobStore, part: LostPart): Promise<FinishedPart | undefined> {
  const files: Measured[] = [];
  for (const format of part.formats) {
    const measured = await closeFile(store, keyOf(part, format), format);
    if (measured.durationMs > 0) files.push(measured);
    else await store.delete(keyOf(part, format));
  }
  if (files.length === 0) return undefined;
  return {
    roomId: part.roomId,
    startedAtMs: part.startedAtMs,
    durationMs: Math.round(Math.max(...files.map(({ durationMs }) => durationMs))),
    state: 'done',
    reason: 'lost',
    files: files.map(({ format, bytes }) => ({ format, bytes })),
  };
}

async function closeFile(store: BlobStore, key: string, format: RecordingFormat): Promise<Measured> {
  const { bytes: fileBytes } = await store.stat(key);
  const { durationMs, wholeBytes } =
    format === 'mp4'
      ? await readIndex(store, key, new FragmentIndex(fileBytes))
      : await flvTail(store, key, fileBytes);
  if (wholeBytes < fileBytes) await store.cut(key, wholeBytes);
  return { format, bytes: wholeBytes, durationMs };
}

/** Reads on in a file as far as its index wants; stops for good where it is damaged. */
export async function readIndex(
  store: BlobReader,
  key: string,
  index: FragmentIndex,
): Promise<FragmentIndex> {
  try {
    await using blob = await store.open(key);
    let ahead: { offset: number; bytes: Buffer } = { offset: 0, bytes: Buffer.alloc(0) };
    for (let read = index.wanted; read; read = index.wanted) {
      const { offset } = read;
      const isThere = offset >= ahead.offset && offset + read.bytes <= ahead.offset + ahead.bytes.length;
      if (!isThere) {
        ahead = { offset, bytes: await blob.read(offset, Math.max(read.bytes, aheadBytes)) };
      }
      index.push(ahead.bytes.subarray(offset - ahead.offset, offset - ahead.offset + read.bytes));
    }
  } catch (error) {
    if (!(error instanceof Mp4Error) && !(error instanceof MediaError)) throw error;
  }
  return index;
}

async function flvTail(store: BlobStore, key: string, fileBytes: number) {
  await using blob = await store.open(key);
  const tail = new FlvTail(fileBytes);
  while (tail.offset < fileBytes && tail.push(await blob.read(tail.offset, flvReadBytes)));
  return { durationMs: tail.lastMs, wholeBytes: tail.wholeBytes };
}
