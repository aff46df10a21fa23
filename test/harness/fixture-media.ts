import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlvTagReader, type FlvTag } from '@gala/media/flv';

const fixture = join(import.meta.dirname, '..', '..', 'media', 'fixtures', 'h264-aac.flv');
/** Two seconds of H.264 (25 pictures a second) and AAC, to be sent over and over. */
export const loopMs = 2_000;

/** The fixture's sequence headers, and one loop of its frames in order of time. */
export function readMedia(): { headers: FlvTag[]; tags: FlvTag[] } {
  const reader = new FlvTagReader();
  reader.append(readFileSync(fixture));
  const all: FlvTag[] = [];
  for (let tag = reader.next(); tag; tag = reader.next()) if (tag.type !== 'data') all.push(tag);
  const headers = all.filter(({ payload }) => payload[1] === 0);
  const tags = all.filter(({ payload, timestampMs }) => payload[1] === 1 && timestampMs < loopMs);
  return { headers, tags: tags.toSorted((a, b) => a.timestampMs - b.timestampMs) };
}
