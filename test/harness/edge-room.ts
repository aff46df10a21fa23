import { connectRtmp } from '@gala/media-io/rtmp';
import { expect } from 'vitest';
import { readFlvTags } from '../../media/fixtures/flv.ts';
import { parseMediaPlaylist } from '../../media/hls/parsed-playlist.ts';
import { validateMediaPlaylist } from '../../media/hls/validator.ts';
import type { StreamMessage } from '../../services/access/edge/stream.ts';
import type { TestEdge } from '../../services/access/edge/testing-edge.ts';
import { broadcast } from '../../services/access/edge/hls/testing.ts';

const tags = readFlvTags();
/** All that a test sends at once: a client that is slower than its machine must leave nothing out. */
const writtenBytesMax = 256 * 1024 * 1024;

/** Publishes the first seconds of a broadcast; more is sent as fast as it goes. */
export async function publish(edge: TestEdge, toMs = 5000, ballast = Buffer.alloc(0)) {
  const { streamKey } = edge.rooms;
  const limits = { writableBytesMax: writtenBytesMax };
  const client = await connectRtmp(edge.rtmpUrl, { ...limits, streamKey, onClose: () => undefined });
  await client.publish();
  let sentMs = 0;
  const send = (untilMs: number): void => {
    for (const message of broadcast({ tags, fromMs: sentMs, toMs: untilMs })) sendOne(message);
    sentMs = untilMs;
  };
  const sendOne = ({ kind, timestampMs, payload }: StreamMessage): void => {
    // Set-up stays as it is.
    const isCoded = payload[1] === 1;
    if (kind === 'video')
      client.sendVideo(timestampMs, isCoded ? Buffer.concat([payload, ballast]) : payload);
    else client.sendAudio(timestampMs, payload);
  };
  send(toMs);
  await expect.poll(() => edge.rooms.events).toContain('STARTED');
  return { send, client, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

export const urlOf = (edge: TestEdge, path: string): string => `http://127.0.0.1:${edge.port}/live/${path}`;
export const ask = (edge: TestEdge, path: string, init?: RequestInit) => fetch(urlOf(edge, path), init);
export const codeOf = async (answer: Response): Promise<[number, string]> => [
  answer.status,
  ((await answer.json()) as { error: { code: string } }).error.code,
];
export const mediaPath = (edge: TestEdge, query = ''): string => `${edge.rooms.roomId}/index.m3u8${query}`;
export const textOf = async (edge: TestEdge, query = ''): Promise<string> =>
  (await ask(edge, mediaPath(edge, query))).text();

/** The media playlists that a multivariant playlist names. */
export const urisOf = (multivariant: string): string[] =>
  multivariant.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

/** Without those about dates: what is sent as fast as it goes is from other times than it seems. */
export const issuesOf = (text: string): string[] =>
  validateMediaPlaylist(text).filter((issue) => !issue.startsWith('the date of'));

/** Asks until a segment is complete; the first request begins the output. */
export async function begin(edge: TestEdge, host: { send(untilMs: number): void }) {
  const first = textOf(edge);
  await expect.poll(() => edge.metric('gala_edge_hls_outputs')).toBe(1);
  host.send(10_000);
  await first;
  // All of it has arrived when its last part has.
  await expect.poll(async () => parseMediaPlaylist(await textOf(edge)).segments.length).toBeGreaterThan(2);
  return parseMediaPlaylist(await textOf(edge));
}
