import { expect, test } from 'vitest';
import { GopCache } from './gop-cache.ts';
import { makeTag } from './testing.ts';

test('it holds the tags since the last key frame, and the headers apart', () => {
  const cache = new GopCache();
  const metadata = makeTag({ kind: 'data', sequenceHeader: true });
  const videoHeader = makeTag({ sequenceHeader: true });
  const audioHeader = makeTag({ kind: 'audio', sequenceHeader: true });
  const [oldKey, oldInter, key, audio, inter] = [
    makeTag({ keyFrame: true }),
    makeTag({}),
    makeTag({ keyFrame: true }),
    makeTag({ kind: 'audio' }),
    makeTag({}),
  ];
  for (const tag of [metadata, audioHeader, videoHeader, oldKey, oldInter, key, audio, inter]) cache.add(tag);
  expect(cache.headers).toEqual([metadata, videoHeader, audioHeader]);
  expect(cache.upTo(Infinity)).toEqual([key, audio, inter]);
  expect(cache.upTo(audio.sequence)).toEqual([key, audio]);
  expect(cache.keyFrame).toBe(key);
});

test('nothing is kept before the first key frame of a stream with pictures', () => {
  const cache = new GopCache();
  cache.add(makeTag({}));
  cache.add(makeTag({ kind: 'audio' }));
  expect(cache.upTo(Infinity)).toEqual([]);
});

test('a group of pictures over a bound is forgotten and counted; the next key frame heals', () => {
  const cache = new GopCache({ tagsMax: 3, bytesMax: 1e9, audioOnlyMs: 1000 });
  cache.add(makeTag({ keyFrame: true }));
  for (let index = 0; index < 3; index++) cache.add(makeTag({}));
  expect(cache.overflows).toBe(1);
  expect(cache.upTo(Infinity)).toEqual([]);
  expect(cache.bytes).toBe(0);
  const key = makeTag({ keyFrame: true });
  cache.add(key);
  expect(cache.upTo(Infinity)).toEqual([key]);
});

test('the bytes are bounded as well', () => {
  const cache = new GopCache({ tagsMax: 1000, bytesMax: 1000, audioOnlyMs: 1000 });
  cache.add(makeTag({ keyFrame: true, size: 600 }));
  cache.add(makeTag({ size: 600 }));
  expect(cache.overflows).toBe(1);
});

test('a stream without pictures keeps its last moments only', () => {
  const cache = new GopCache({ tagsMax: 1000, bytesMax: 1e9, audioOnlyMs: 100 });
  for (let ms = 0; ms <= 1000; ms += 20) cache.add(makeTag({ kind: 'audio', timestampMs: ms }));
  expect(cache.upTo(Infinity).map((tag) => tag.timestampMs)).toEqual([900, 920, 940, 960, 980, 1000]);
});

test('set-up that changes in the midst of a group of pictures stays in its place', () => {
  const cache = new GopCache();
  const header = makeTag({ sequenceHeader: true });
  const [key, inter] = [makeTag({ keyFrame: true }), makeTag({})];
  const changed = makeTag({ sequenceHeader: true });
  for (const tag of [header, key, inter, changed]) cache.add(tag);
  expect([...cache.headers, ...cache.upTo(Infinity)]).toEqual([header, key, inter, changed]);
  expect(cache.upTo(inter.sequence)).toEqual([key, inter]);
  const next = makeTag({ keyFrame: true });
  cache.add(next);
  expect([...cache.headers, ...cache.upTo(Infinity)]).toEqual([changed, next]);
});

test('without pictures, set-up that leaves the window opens what is left', () => {
  const cache = new GopCache({ tagsMax: 1000, bytesMax: 1e9, audioOnlyMs: 100 });
  const audio = (timestampMs: number, sequenceHeader = false) =>
    makeTag({ kind: 'audio', timestampMs, sequenceHeader });
  const changed = audio(50, true);
  const kept = audio(160);
  for (const tag of [audio(0, true), audio(20), changed, audio(55), kept]) cache.add(tag);
  expect(cache.headers).toEqual([changed]);
  expect(cache.upTo(Infinity)).toEqual([kept]);
});

test('tracks that the next publisher does not send are forgotten once it has had its time', () => {
  const cache = new GopCache();
  const header = makeTag({ sequenceHeader: true });
  const audioHeader = makeTag({ kind: 'audio', sequenceHeader: true });
  for (const tag of [header, audioHeader, makeTag({ keyFrame: true })]) cache.add(tag);
  cache.beginPublisher();
  cache.noteTrack('video');
  expect(cache.hasAudio).toBe(true);
  cache.settleTracks();
  expect([cache.hasVideo, cache.hasAudio]).toEqual([true, false]);
  cache.add(makeTag({ keyFrame: true }));
  expect(cache.headers).toEqual([header]);
  cache.beginPublisher();
  cache.add(makeTag({ kind: 'audio' }));
  cache.settleTracks();
  expect(cache.upTo(Infinity)).toEqual([]);
  expect(cache.hasVideo).toBe(false);
});
