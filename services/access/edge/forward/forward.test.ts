import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { MediaMessage } from '@gala/media/rtmp';
import { expect, test } from 'vitest';
import { recordRtmp, until } from '../../../../media-io/rtmp/testing.ts';
import { bodies } from '../testing.ts';
import { publish, startTestEdge, type TestEdge } from '../testing-edge.ts';

const allowed = { GALA_FORWARD_PRIVATE_TARGETS: 'true' };

const startEdge = (env: Record<string, string> = allowed) => startTestEdge({ env });

/** Bodies by kind, as hex, so that a difference can be read. */
const shown = (media: readonly MediaMessage[]) =>
  media.map(({ kind, timestampMs, payload }) => `${kind} ${timestampMs} ${payload.toString('hex')}`);

const began = [
  `video 0 ${bodies.videoHeader().toString('hex')}`,
  `audio 0 ${bodies.audioHeader.toString('hex')}`,
  `video 0 ${bodies.keyFrame().toString('hex')}`,
];

async function forwardsConnected(edge: TestEdge, count: number): Promise<void> {
  await expect.poll(() => edge.metric('gala_forward_connected_total')).toBe(count);
}

test('every target gets set-up and the present group of pictures, what follows, and the end', async () => {
  await using first = await recordRtmp();
  await using second = await recordRtmp();
  await using edge = await startEdge();
  edge.rooms.media = { forwardUrls: [`${first.url}/one?token=a`, `${second.url}/two`] };
  await using publisher = await publish(edge);
  await forwardsConnected(edge, 2);
  publisher.client.sendVideo(40, bodies.interFrame(7));
  const copies = [await first.connected(0), await second.connected(0)];
  for (const { media } of copies) await until(() => media.length >= 5);
  expect(copies.map(({ requests }) => requests[0].streamKey)).toEqual(['one', 'two']);
  expect(copies[0].requests[0].params).toEqual({ token: 'a' });
  for (const { media } of copies) {
    expect(shown(media).slice(0, 3)).toEqual(began);
    // The set-up was the first video message, so the stream's first picture is a millisecond late.
    expect(shown(media).at(-1)).toBe(`video 39 ${bodies.interFrame(7).toString('hex')}`);
  }
  edge.rooms.stopRoomIds = [edge.rooms.roomId];
  for (const { end } of copies) await end;
  expect(copies.map(({ publishEnds }) => publishEnds.length)).toEqual([1, 1]);
});

test('a lost target is connected again and begins with set-up, and its clock with 0', async () => {
  await using target = await recordRtmp();
  await using edge = await startEdge();
  edge.rooms.media = { forwardUrls: [`${target.url}/one`] };
  await using publisher = await publish(edge);
  await forwardsConnected(edge, 1);
  publisher.client.sendVideo(40, bodies.interFrame());
  (await target.connected(0)).connection.close('DISMISSED');
  publisher.client.sendVideo(80, bodies.keyFrame(9));
  const again = await target.connected(1);
  await until(() => again.media.length >= 3);
  expect(shown(again.media)[0]).toBe(began[0]);
  expect(again.media.find(({ payload }) => payload.equals(bodies.keyFrame(9)))?.timestampMs).toBe(0);
  expect(await edge.metric('gala_forward_lost_total')).toBe(1);
  expect(edge.logLines.join('')).not.toContain('/one');
});

/** A server in front of `url` that stops reading when it is told to. */
async function slowWay(url: string) {
  const { hostname, port } = new URL(url);
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const onward = connect({ host: hostname, port: Number(port) });
    sockets.push(socket, onward);
    for (const each of [socket, onward]) each.on('error', () => undefined);
    socket.pipe(onward).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `rtmp://127.0.0.1:${(server.address() as AddressInfo).port}/live`,
    stop: () => sockets[0].unpipe().pause(),
    goOn: () => sockets[0].pipe(sockets[1]),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('a target that is too slow loses frames up to a key frame', async () => {
  await using target = await recordRtmp();
  await using way = await slowWay(target.url);
  await using edge = await startEdge({ ...allowed, GALA_FORWARD_BUFFER_BYTES: '65536' });
  edge.rooms.media = { forwardUrls: [`${way.url}/one`] };
  await using publisher = await publish(edge);
  await forwardsConnected(edge, 1);
  const copy = await target.connected(0);
  await until(() => copy.media.length >= 3);
  way.stop();
  const frame = Buffer.concat([bodies.interFrame(), Buffer.alloc(60_000, 7)]);
  let timestampMs = 0;
  await expect
    .poll(
      () => {
        for (let count = 0; count < 20; count++) publisher.client.sendVideo(++timestampMs, frame);
        return edge.metric('gala_forward_frames_left_out_total');
      },
      { timeout: 8000 },
    )
    .toBeGreaterThan(10);
  way.goOn();
  await expect
    .poll(() => {
      publisher.client.sendVideo(++timestampMs, bodies.keyFrame(3));
      return copy.media.some(({ payload }) => payload.equals(bodies.keyFrame(3)));
    })
    .toBe(true);
  const after = copy.media.findIndex(({ payload }) => payload.equals(bodies.keyFrame(3)));
  expect(copy.media[after].timestampMs - copy.media[after - 1].timestampMs).toBeGreaterThan(10);
  expect(await edge.metric('gala_forward_lost_total')).toBe(0);
});

test('private addresses are refused unless the operator allows them', async () => {
  await using target = await recordRtmp();
  await using edge = await startEdge({});
  edge.rooms.media = { forwardUrls: [`${target.url}/one`] };
  await using publisher = await publish(edge);
  void publisher;
  await expect.poll(() => edge.metric('gala_forward_failed_total')).toBeGreaterThan(0);
  expect(edge.logLines.some((line) => line.includes('ADDRESS_NOT_PUBLIC'))).toBe(true);
  expect(await edge.metric('gala_forward_connected_total')).toBe(0);
});

test('a process has a bounded number of forwards', async () => {
  await using target = await recordRtmp();
  await using edge = await startEdge({ ...allowed, GALA_FORWARD_TARGETS_MAX: '1' });
  edge.rooms.media = { forwardUrls: [`${target.url}/one`, `${target.url}/two`] };
  await using publisher = await publish(edge);
  void publisher;
  await forwardsConnected(edge, 1);
  expect(await edge.metric('gala_forward_refused_total')).toBe(1);
});
