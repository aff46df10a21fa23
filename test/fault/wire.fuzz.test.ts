import { once } from 'node:events';
import { connect } from 'node:net';
import { connectRtmp } from '@gala/media-io/rtmp';
import { expect, test } from 'vitest';
import { corpus } from '../../media/fixtures/corpus.ts';
import { damagedInputs, fuzzSeed } from '../../media/fixtures/fuzz.ts';
import { FixtureCheck } from '../harness/fixture-media.ts';
import { FlvViewer } from '../harness/flv-viewer.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { Show } from '../harness/show.ts';

const isSoak = process.env['GALA_SOAK'] === '1';
/** Damaged conversations at each listener, and damaged messages of publishers that were let in. */
const conversations = isSoak ? 20_000 : 1_500;
const messages = isSoak ? 100_000 : 10_000;
const messagesPerVandal = 500;
const atOnce = 32;
/** How long a server may think about what it got before the sender hangs up. */
const patienceMs = 250;
const timeout = isSoak ? 3_600_000 : 120_000;

const portOf = (url: string): number => Number(new URL(url).port);
const request = (...lines: string[]): Buffer => Buffer.from([...lines, '', ''].join('\r\n'));

const upgrade = request(
  'GET /live/@healthy.flv?latency=low HTTP/1.1',
  'Host: gala',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
);
/** A masked ping, a close, and a text in two fragments. */
const frames = Buffer.from('8984010203040606068802010203040203018101020304600180820102030461', 'hex');

/**
 * Goal: one healthy broadcast beside all bad inputs loses no frame. Method: damaged forms of well-formed
 * conversations at every listener, and publishers with a good key whose media is damaged, while a viewer checks the
 * healthy stream frame by frame.
 */
test(
  `no frame is lost beside damaged RTMP, HTTP, WebSockets and media (seed ${fuzzSeed})`,
  { timeout },
  async () => {
    // The limit of attempts would keep most of the damage out.
    await using gala = await Gala.start({ env: { GALA_LIMITS_PUBLISH_TRIES_PER_MINUTE: '1000000' } });
    await using show = await Show.start(gala, 'healthy');
    const vandal = await gala.createHost('vandal');
    const check = new FixtureCheck();
    const url = `${gala.liveUrl}/live/${show.roomId}.flv?latency=realtime`;
    await using viewer = await FlvViewer.open(url, (tag) => check.take(tag));
    const startedAtMs = performance.now();
    await Promise.all([...attacks(gala).map(throwAll), vandalize(gala, vandal)]);
    const seconds = (performance.now() - startedAtMs) / 1000;
    console.log(`${check.frames} frames in ${seconds.toFixed(1)} s, seed ${fuzzSeed}`);
    expect({ lost: check.lost, foreign: check.foreign }).toEqual({ lost: 0, foreign: 0 });
    // 25 pictures and 43 packets of sound a second, those of a busy machine's last moments left out.
    expect(check.frames).toBeGreaterThan(68 * (seconds - 3));
    expect(viewer.backwardSteps).toBe(0);
    expect(show.publisher.isClosed).toBe(false);
    const accepted = await gala.metric('gala_edge_publishes_accepted_total');
    expect(accepted).toBe(1 + messages / messagesPerVandal);
    expect(await gala.metric('gala_edge_tags_malformed_total')).toBeGreaterThan(messages / 100);
    expect(await show.room(gala)).toMatchObject({ state: 'live' });
    expect((await gala.processes()).filter(({ restarts }) => restarts > 0)).toEqual([]);
  },
);

interface Attack {
  readonly port: number;
  readonly inputs: readonly Buffer[];
}

function attacks(gala: Gala): Attack[] {
  const live = [
    request('GET /live/@healthy.flv?latency=low HTTP/1.1', 'Host: gala', 'X-Forwarded-For: ::1, 10.0.0.1'),
    request(
      'GET /live/@healthy/index.m3u8?_HLS_msn=3&_HLS_part=2 HTTP/1.1',
      'Host: gala',
      'Range: bytes=0-9',
    ),
    Buffer.concat([upgrade, frames]),
  ];
  const body = '{"name":"a","password":"0123456789ab"}';
  const web = [
    request('GET /v1/rooms?limit=3 HTTP/1.1', 'Host: gala', 'Authorization: Bearer abc', 'Cookie: a=b'),
    Buffer.concat([
      request(
        'POST /v1/sessions HTTP/1.1',
        'Host: gala',
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
      ),
      Buffer.from(body),
    ]),
  ];
  return [
    { port: gala.rtmpPort, inputs: damagedInputs(corpus.rtmpClient, conversations) },
    { port: portOf(gala.liveUrl), inputs: damagedInputs(live, conversations) },
    { port: portOf(gala.webUrl), inputs: damagedInputs(web, conversations) },
    { port: portOf(gala.adminUrl), inputs: damagedInputs(web, conversations) },
  ];
}

async function throwAll({ port, inputs }: Attack): Promise<void> {
  for (let from = 0; from < inputs.length; from += atOnce) {
    await Promise.all(inputs.slice(from, from + atOnce).map((bytes) => throwOne(port, bytes)));
  }
}

/** Says it and hangs up when the server has, or after a while: what was understood may be a viewer by then. */
async function throwOne(port: number, bytes: Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const timer = setTimeout(() => socket.destroy(), patienceMs);
  socket.on('error', () => undefined).resume();
  socket.write(bytes);
  await once(socket, 'close');
  clearTimeout(timer);
}

/** Publishers that are let in, one after the other, and then send damaged messages of all kinds of media. */
async function vandalize(gala: Gala, host: TestHost): Promise<void> {
  const payloads = damagedInputs([...corpus.tagBodies, ...corpus.amf], messages);
  for (let from = 0; from < payloads.length; from += messagesPerVandal) {
    const client = await connectRtmp(gala.rtmpUrl, { streamKey: host.streamKey });
    await client.publish();
    const viewer = fetch(`${gala.liveUrl}/live/@${host.name}.flv`, {
      signal: AbortSignal.timeout(patienceMs),
    });
    viewer.catch(() => undefined);
    for (const [index, payload] of payloads.slice(from, from + messagesPerVandal).entries()) {
      const timestampMs = (index * 40 + payload.length * 2 ** 20) >>> 0;
      if (index % 8 === 0) client.sendMetadata(timestampMs, payload);
      else if (index % 2 === 0) client.sendVideo(timestampMs, payload);
      else client.sendAudio(timestampMs, payload);
    }
    await new Promise((resolve) => setTimeout(resolve, patienceMs));
    await client[Symbol.asyncDispose]();
  }
}
