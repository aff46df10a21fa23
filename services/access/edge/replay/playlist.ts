import { renderVodPlaylist, type VodPart, type VodSegment } from '@gala/media/hls';
import type { FragmentEntry, FragmentIndex } from '@gala/media/mp4';
import type { ShelfFile } from './shelf.ts';

export interface IndexedFile {
  readonly file: ShelfFile;
  readonly index: FragmentIndex;
}

/** Short groups of pictures are joined up to this, so that hours of them make a playlist of bearable length. */
const segmentMs = 4_000;
/** Sound reaches a little beyond its pictures. */
const overlapMs = 400;

/** All parts of a room in one playlist. */
export function replayPlaylist(
  files: readonly IndexedFile[],
  options: { readonly isOpen: boolean; readonly query: string },
): string {
  const parts = files.map(({ file, index }): VodPart => {
    const segments = segmentsOf(index.entries);
    return {
      uri: `${file.roomId}/${file.startedAtMs}.mp4`,
      initBytes: index.initBytes,
      wallMs: file.startedAtMs,
      // The last one of a file that grows may still grow, and what was listed must not change.
      segments: file.isOpen ? segments.slice(0, -1) : segments,
    };
  });
  const listed = parts.filter(({ segments }) => segments.length > 0);
  return renderVodPlaylist(listed, options);
}

/** Fragments joined to segments that begin with key frames; each lasts until the next one begins. */
export function segmentsOf(entries: readonly FragmentEntry[]): VodSegment[] {
  const segments: (VodSegment & { startMs: number })[] = [];
  for (const { offset, sizeBytes, startMs, durationMs, keyFrame } of entries) {
    const last = segments.at(-1);
    const endMs = startMs + durationMs;
    if (last && (!keyFrame || endMs - last.startMs <= segmentMs + overlapMs)) {
      last.sizeBytes = offset + sizeBytes - last.offset;
      last.durationMs = endMs - last.startMs;
    } else {
      if (last) last.durationMs = startMs - last.startMs;
      segments.push({ offset, sizeBytes, durationMs, startMs });
    }
  }
  return segments.map(({ offset, sizeBytes, durationMs }) => ({ offset, sizeBytes, durationMs }));
}
