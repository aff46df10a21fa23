import { execFileSync } from 'node:child_process';
import {
  encodeFlvHeader,
  encodeTag,
  FlvTagReader,
  parseAudioTag,
  parseVideoTag,
  type FlvTag,
} from '@gala/media/flv';
import { expect, test } from 'vitest';
import { GopCache } from './gop-cache.ts';
import { HoldPicture } from './hold.ts';
import type { Tag } from './tag.ts';
import { TagEncoder } from './tag-encoder.ts';
import { bodies } from './testing.ts';
import { Timeline } from './timeline.ts';

function cacheOf(...bodiesOfKinds: readonly ['audio' | 'video', Buffer][]): GopCache {
  const [encoder, cache] = [new TagEncoder(), new GopCache()];
  for (const [kind, body] of bodiesOfKinds) cache.add(encoder.encode(kind, 0, body) as Tag);
  return cache;
}

test('silence fills the time exactly, however it is asked for; the picture comes every second time', () => {
  const hold = new HoldPicture(
    cacheOf(['video', bodies.videoHeader()], ['audio', bodies.audioHeader], ['video', bodies.keyFrame()]),
  );
  const calls = Array.from({ length: 40 }, (_, index) => hold.messages(index % 2 === 0 ? 200 : 300));
  const audio = calls.flat().filter(({ kind }) => kind === 'audio');
  expect(audio).toHaveLength(Math.floor(10_000 / ((1024 / 44_100) * 1000)) - 1);
  expect(audio.every(({ beforeMs }) => beforeMs >= 0 && beforeMs < 350)).toBe(true);
  const pictures = calls.map((messages) => messages.filter(({ kind }) => kind === 'video').length);
  expect(pictures.slice(0, 4)).toEqual([2, 0, 2, 0]);
  expect(calls[0].at(-1)!.payload).toEqual(bodies.keyFrame());
});

test.each([
  { name: 'sound that is no AAC', header: Buffer.from([0x2f, 0xff, 0, 0]) },
  { name: 'six channels', header: Buffer.from([0xaf, 0, 0x12, 0x30]) },
  { name: 'a configuration that cannot be read', header: Buffer.from([0xaf, 0, 0xff, 0xff]) },
])('$name: a picture alone', ({ header }) => {
  const keyFrame = { ...cacheOf(['video', bodies.keyFrame()]).keyFrame! };
  const audioHeader: Tag = {
    ...keyFrame,
    kind: 'audio',
    bytes: encodeTag({ type: 'audio', timestampMs: 0, payload: header }),
  };
  const messages = new HoldPicture({ keyFrame, headers: [], audioHeader }).messages(1000);
  expect(messages.map(({ kind }) => kind)).toEqual(['video']);
});

test('a stream without anything holds nothing', () => {
  expect(new HoldPicture(new GopCache()).messages(1000)).toEqual([]);
});

/** A second of picture and tone as an encoder sends it. */
function encoded(): FlvTag[] {
  const picture = '-f lavfi -i testsrc=size=64x48:rate=10';
  const tone = '-f lavfi -i sine=sample_rate=44100';
  const codecs = '-t 1 -c:v libx264 -bf 0 -c:a aac -ac 2 -f flv pipe:1';
  const flv = execFileSync('ffmpeg', `-v error ${picture} ${tone} ${codecs}`.split(' '));
  const reader = new FlvTagReader();
  reader.append(flv);
  const tags: FlvTag[] = [];
  for (let tag = reader.next(); tag; tag = reader.next()) tags.push(tag);
  return tags;
}

test('ffmpeg decodes a stream and its hold without a complaint, picture for picture', () => {
  const [encoder, cache, timeline] = [new TagEncoder(), new GopCache(), new Timeline()];
  const out: Buffer[] = [encodeFlvHeader({ hasAudio: true, hasVideo: true })];
  const add = (kind: FlvTag['type'], timestampMs: number, payload: Buffer): void => {
    const tag = encoder.encode(kind, timestampMs, payload);
    if (typeof tag === 'string') return;
    cache.add(tag);
    out.push(tag.bytes);
  };
  const tags = encoded();
  for (const { type, timestampMs, payload } of tags) {
    add(type, timeline.correct(type, timestampMs, timestampMs), payload);
  }
  const hold = new HoldPicture(cache);
  const goneAtMs = timeline.positionMs;
  for (let nowMs = goneAtMs + 250; nowMs <= goneAtMs + 4000; nowMs += 250) {
    for (const { kind, beforeMs, payload } of hold.messages(250)) {
      add(kind, timeline.extend(kind, nowMs, -beforeMs), payload);
    }
  }
  const input = Buffer.concat(out);
  const decode = ['-v', 'error', '-xerror', '-err_detect', 'explode', '-f', 'flv', '-i', 'pipe:0'];
  const frames = (map: string): string[] =>
    execFileSync('ffmpeg', [...decode, '-map', map, '-fps_mode', 'passthrough', '-f', 'framecrc', 'pipe:1'], {
      input,
    })
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('0,'));
  const sent = (test: (tag: FlvTag) => boolean): number => tags.filter(test).length;
  expect(frames('0:v')).toHaveLength(
    sent(({ type, payload }) => type === 'video' && parseVideoTag(payload).isCoded) + 8,
  );
  const silence = Math.floor(4000 / ((1024 / 44_100) * 1000)) - 1;
  expect(frames('0:a')).toHaveLength(
    sent(({ type, payload }) => type === 'audio' && parseAudioTag(payload).isCoded) + silence,
  );
});
