import { once } from 'node:events';
import type { CodedError } from '@gala/lib/error';
import { parseVideoTag } from '@gala/media/flv';
import { describe, expect, test } from 'vitest';
import { spawnChild, spawnSilent } from '../../test/harness/native-child.ts';
import { waitFor } from '../../test/harness/wait.ts';
import { testBroadcast } from '../av/testing.ts';
import type { MediaMessage } from '../av/index.ts';
import type { NativeChild } from '@gala/lib/lifecycle';
import { TranscodeChild, type SourceMessage, type TranscodeLimits } from './index.ts';

const rungs = [
  { height: 360, bitsPerSecond: 600_000 },
  { height: 180, bitsPerSecond: 200_000 },
];

function start(child: NativeChild, limits?: TranscodeLimits) {
  const out: MediaMessage[][] = rungs.map(() => []);
  const absent: number[] = [];
  const counters = { picturesDropped: 0, gopsDropped: 0, damaged: 0 };
  const ended = Promise.withResolvers<CodedError | undefined>();
  const transcode = new TranscodeChild({
    child,
    rungs,
    mayUseHardware: true,
    counters,
    onMessage: (rung, message) => out[rung].push(message),
    onAbsent: (rung) => absent.push(rung),
    onEnd: (error) => ended.resolve(error),
    ...(limits && { limits }),
  });
  return { transcode, out, absent, counters, ended: ended.promise };
}

function asSource(message: MediaMessage): SourceMessage {
  const [first, second] = message.payload;
  const isVideo = message.kind === 'video';
  return {
    ...message,
    isKeyFrame: isVideo && first === 0x17 && second === 1,
    isSequenceHeader: second === 0,
  };
}

const keyTimes = (messages: readonly MediaMessage[]): number[] =>
  messages
    .filter(({ kind, payload }) => kind === 'video' && parseVideoTag(payload).isKeyFrame)
    .map(({ timestampMs }) => timestampMs);

describe('a transcoding child', () => {
  test('gives the rungs that are wanted, with the key frames of the source', async () => {
    const source = await testBroadcast({ width: 640, height: 360, pictures: 40, keyFrameEvery: 10 });
    const { transcode, out, absent, ended } = start(spawnChild('transcode'));
    transcode.want(new Set([0, 1]));
    for (const message of source) transcode.append(asSource(message));
    await waitFor(() => keyTimes(out[1]).length === 4, { what: 'four key frames' });
    expect(keyTimes(out[1])).toEqual(keyTimes(source));
    expect(absent).toEqual([0]);
    expect(out[0]).toEqual([]);
    await transcode[Symbol.asyncDispose]();
    expect(await ended).toBeUndefined();
  });

  test('that is killed is told once, and takes nobody with it', async () => {
    const { transcode, ended } = start(spawnChild('transcode'));
    process.kill(transcode.pid!, 'SIGKILL');
    expect((await ended)?.code).toBe('CHILD_ENDED');
    const [message] = await testBroadcast({ width: 320, height: 180, pictures: 1, keyFrameEvery: 1 });
    transcode.append(asSource(message));
    await transcode[Symbol.asyncDispose]();
  });

  test('ends when its pipe does, as when its parent dies', async () => {
    const child = spawnChild('transcode');
    child.stdin.end();
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  });

  test('says what it cannot do by a code', async () => {
    const child = spawnChild('transcode');
    const { transcode, ended } = start(child);
    child.stdin.write(Buffer.alloc(64, 0xff));
    expect((await ended)?.code).toBe('MESSAGE_INVALID');
    await transcode[Symbol.asyncDispose]();
  });

  test('that falls behind loses whole groups of pictures, that hangs is ended', async () => {
    const limits = { waitingBytesMax: 100_000, behindMsMax: 50 };
    const child = spawnSilent('setInterval(() => 0, 1000)');
    const { transcode, counters, ended } = start(child, limits);
    const frame = (isKeyFrame: boolean): SourceMessage => ({
      kind: 'video',
      timestampMs: 0,
      payload: Buffer.alloc(20_000),
      isKeyFrame,
      isSequenceHeader: false,
    });
    for (let index = 0; index < 40; index++) transcode.append(frame(index % 10 === 0));
    expect(transcode.waitingBytes).toBeLessThan(150_000);
    expect(counters.gopsDropped).toBe(1);
    expect(counters.picturesDropped).toBeGreaterThan(20);
    const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
    const isOverAfterMore = (): boolean => {
      transcode.append(frame(false));
      return isOver();
    };
    await waitFor(isOverAfterMore, { what: 'the end of the child' });
    expect((await ended)?.code).toBe('CHILD_STALLED');
  });
});
