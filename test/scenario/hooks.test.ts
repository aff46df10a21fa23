import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  hookSecret,
  isSigned,
  receiveHooks,
  type HookReceiver,
} from '../../services/access/edge/hooks/testing.ts';
import { describeWithEngines } from '../engines.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { Gala } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

/** Goal: a server of the installation decides about ffmpeg and viewers, and hears of their end. */
describeWithEngines('hooks', ['ffmpeg'], () => {
  let receiver: HookReceiver;
  let gala: Gala;

  beforeAll(async () => {
    receiver = await receiveHooks();
    gala = await Gala.start({ env: { GALA_HOOKS_URL: receiver.url, GALA_HOOKS_SECRET: hookSecret } });
  });
  afterAll(async () => {
    await gala[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  const publish = (streamKey: string): FfmpegPublisher =>
    new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey, width: 320, height: 180 });

  test('ffmpeg that is denied ends with an error, and its host has begun nothing', async () => {
    const host = await gala.createHost('denied');
    receiver.answer = (_, response) => void response.writeHead(402).end('not paid');
    await using publisher = publish(host.streamKey);
    expect(await publisher.ended()).not.toBe(0);
    expect(publisher.errors).not.toBe('');
    const refused = await gala.operator.enterRoom({ roomRef: '@denied' }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'ROOM_UNKNOWN' });
    receiver.answer = () => undefined;
  });

  test('a show with a viewer, from beginning to end, each told once and signed', async () => {
    const host = await gala.createHost('allowed');
    receiver.calls.length = 0;
    const publisher = publish(host.streamKey);
    const enter = () => gala.operator.enterRoom({ roomRef: '@allowed' });
    const { room } = await waitFor(() => enter().catch(() => undefined), {
      what: 'the room',
      timeoutMs: 15_000,
    });
    // The room is there as soon as its publisher is admitted, the stream once the edge has heard so.
    const isCarried = async () => (await gala.operator.listStreams({})).streams.length > 0;
    await waitFor(isCarried, { what: 'the stream' });
    const answer = await fetch(`${gala.liveUrl}/live/${room.roomId}.flv?token=abc`);
    expect(answer.status).toBe(200);
    receiver.answer = ({ event }, response) => {
      if (event === 'onPlay') response.writeHead(403).end();
    };
    expect((await fetch(`${gala.liveUrl}/live/${room.roomId}.flv`)).status).toBe(403);
    await answer.body?.cancel();
    await publisher.stop('SIGINT');
    await waitFor(() => receiver.of('onUnpublish').length === 1, { what: 'the end', timeoutMs: 15_000 });
    await waitFor(() => receiver.of('onStop').length === 1, { what: 'the viewer', timeoutMs: 15_000 });
    expect(receiver.calls.every(isSigned)).toBe(true);
    const events = receiver.calls.map(({ event }) => event);
    expect(events.slice(0, 3)).toEqual(['onPublish', 'onPlay', 'onPlay']);
    expect(receiver.of('onUnpublish')[0].body).toMatchObject({ roomId: room.roomId, host: 'allowed' });
    const told = [...receiver.calls.map(({ raw }) => raw), ...gala.lines].join('');
    expect(told).not.toContain(host.streamKey.split('.')[1]);
  });
});
