import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeFlvHeader, encodeTag, FlvTagReader, type FlvTag } from '@gala/media/flv';
import { enginePath } from '../engines.ts';

const run = promisify(execFile);
/** A whole number of pictures at 30 a second and of AAC frames at 48 kHz. */
const firstMs = 8_000;
const secondMs = 24_000;

export interface TwoSizesOptions {
  readonly folder: string;
  /** The second picture is announced by the parameter sets in its key frames alone. */
  readonly inBand: boolean;
}

/** An FLV file of ffmpeg's whose picture is 640 wide for eight seconds, then 320 wide, in one go. */
export async function writeTwoSizes({ folder, inBand }: TwoSizesOptions): Promise<string> {
  const first = await encode(join(folder, 'first.flv'), 640, firstMs);
  const second = await encode(join(folder, 'second.flv'), 320, secondMs);
  const isKept = ({ type, payload }: FlvTag): boolean => {
    const isHeader = type === 'data' || payload[1] === 0;
    return !isHeader || (type === 'video' && !inBand);
  };
  const later = second.filter(isKept).map((tag) => ({ ...tag, timestampMs: tag.timestampMs + firstMs }));
  const path = join(folder, 'both.flv');
  const tags = [...first, ...later].map((tag) => encodeTag(tag));
  await writeFile(path, Buffer.concat([encodeFlvHeader({ hasAudio: true, hasVideo: true }), ...tags]));
  return path;
}

async function encode(path: string, width: number, lengthMs: number): Promise<FlvTag[]> {
  const size = `${width}x${(width * 9) / 16}`;
  await run(enginePath('ffmpeg'), [
    ...`-v error -y -f lavfi -i testsrc2=size=${size}:rate=30 -f lavfi -i sine=sample_rate=48000`.split(' '),
    ...`-t ${lengthMs / 1000} -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 30`.split(
      ' ',
    ),
    ...`-x264-params repeat-headers=1 -c:a aac -ac 2 -f flv ${path}`.split(' '),
  ]);
  const reader = new FlvTagReader();
  reader.append(await readFile(path));
  const tags: FlvTag[] = [];
  for (let tag = reader.next(); tag; tag = reader.next()) {
    // What ffmpeg ends its sequence with is not the end of this file.
    const isEnd = tag.type === 'video' && tag.payload[1] === 2;
    if (!isEnd) tags.push({ ...tag, payload: Buffer.from(tag.payload) });
  }
  return tags;
}
