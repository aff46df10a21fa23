import { FlvUnitReader, type VideoConfig } from '@gala/media/mp4';
import { describe, expect, test } from 'vitest';
import { spawnChild, spawnSilent } from '../../test/harness/native-child.ts';
import { waitFor } from '../../test/harness/wait.ts';
import { testBroadcast } from '../av/testing.ts';
import type { NativeChild } from '@gala/lib/lifecycle';
import { CoverChild, type CoverLimits, type CoverPicture } from './index.ts';

async function pictureOf(width: number, height: number): Promise<CoverPicture> {
  const reader = new FlvUnitReader();
  let config: VideoConfig | undefined;
  for (const message of await testBroadcast({ width, height, pictures: 1, keyFrameEvery: 1 })) {
    const read = reader.read({ type: message.kind, payload: message.payload }, 0);
    if (read.config?.kind === 'video') config = read.config;
    if (read.unit?.keyFrame && config) return { config, payload: read.unit.payload };
  }
  throw new Error('no picture');
}

function start(spawn: () => NativeChild, limits?: Partial<CoverLimits>) {
  const covers: [number, Buffer][] = [];
  const ends: string[] = [];
  const counters = { made: 0, failed: 0, dropped: 0, ended: 0 };
  const child = new CoverChild({
    spawn,
    counters,
    onCover: (key, jpeg) => covers.push([key, jpeg]),
    onEnded: ({ code }) => ends.push(code),
    ...(limits && { limits }),
  });
  return { child, covers, ends, counters, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** Width and height out of the start of frame of a baseline JPEG (ITU-T T.81, B.2.2). */
function sizeOf(jpeg: Buffer): string {
  const start = jpeg.indexOf(Buffer.of(0xff, 0xc0));
  return `${jpeg.readUInt16BE(start + 7)}x${jpeg.readUInt16BE(start + 5)}`;
}

describe('covers', () => {
  test('are JPEGs of key frames, not wider than asked for', async () => {
    await using running = start(() => spawnChild('cover'));
    const { child, covers, counters } = running;
    child.draw(1, await pictureOf(1280, 720));
    child.draw(2, await pictureOf(320, 180));
    child.draw(3, await pictureOf(720, 1280));
    await waitFor(() => covers.length === 3, { what: 'three covers' });
    expect(covers.map(([key, jpeg]) => [key, sizeOf(jpeg)])).toEqual([
      [1, '640x360'],
      [2, '320x180'],
      [3, '640x1138'],
    ]);
    expect(counters).toEqual({ made: 3, failed: 0, dropped: 0, ended: 0 });
  });

  test('of damaged pictures are left out', async () => {
    await using running = start(() => spawnChild('cover'));
    const { child, covers, counters } = running;
    const good = await pictureOf(320, 180);
    child.draw(1, { ...good, payload: Buffer.alloc(100, 0xff) });
    child.draw(2, { ...good, config: { ...good.config, record: Buffer.alloc(5) } });
    child.draw(3, good);
    await waitFor(() => covers.length === 1, { what: 'a cover' });
    expect(covers[0][0]).toBe(3);
    expect(counters).toMatchObject({ made: 1, failed: 2, ended: 0 });
  });

  test('wait in a bounded queue, the newest of each room', async () => {
    await using running = start(() => spawnSilent(), { waitingMax: 3 });
    const { child, counters } = running;
    const picture = await pictureOf(320, 180);
    for (const key of [1, 2, 3, 3, 4, 5]) child.draw(key, picture);
    expect(child.waitingCount).toBe(3);
    expect(counters.dropped).toBe(2);
  });

  test('go on after a picture that its child died of', async () => {
    let starts = 0;
    const spawn = () => (starts++ === 0 ? spawnSilent() : spawnChild('cover'));
    await using running = start(spawn, { pictureMsMax: 3_000 });
    const { child, covers, ends, counters } = running;
    const picture = await pictureOf(320, 180);
    child.draw(1, picture);
    child.draw(2, picture);
    await waitFor(() => ends.length === 1, { what: 'the end of the child' });
    expect(ends).toEqual(['CHILD_STALLED']);
    expect(counters).toMatchObject({ failed: 1, ended: 1 });
    await waitFor(() => starts > 1, { what: 'another child' });
    child.draw(2, picture);
    await waitFor(() => covers.length > 0, { what: 'a cover' });
    expect(covers[0][0]).toBe(2);
  });
});
