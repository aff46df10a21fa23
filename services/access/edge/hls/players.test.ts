import { expect, test } from 'vitest';
import { startTestEdge, type TestEdge } from '../testing-edge.ts';
import { ask, begin, codeOf, mediaPath, publish, urisOf } from '../../../../test/harness/edge-room.ts';

/** What a player gets that comes by the address of the room. */
async function newPlayer(edge: TestEdge): Promise<string> {
  const [uri] = urisOf(await (await ask(edge, `${edge.rooms.roomId}.m3u8`)).text());
  return uri;
}

const viewersOf = async (edge: TestEdge): Promise<{ count: number; framings: string[] }> => {
  const listed = await fetch(`http://127.0.0.1:${edge.adminPort}/streams?room=${edge.rooms.roomId}`);
  const { stream, viewers } = (await listed.json()) as {
    stream: { viewers: number };
    viewers: { framing: string }[];
  };
  return { count: stream.viewers, framings: viewers.map(({ framing }) => framing) };
};

test('who asks for playlists is a viewer, each player once, until it asks no more', async () => {
  await using edge = await startTestEdge({ env: { GALA_HLS_SEGMENT_MS: '1000' } });
  await using host = await publish(edge);
  // A player that asks for the media playlist directly.
  await begin(edge, host);
  expect(await viewersOf(edge)).toEqual({ count: 1, framings: ['hls'] });
  const players = [await newPlayer(edge), await newPlayer(edge)];
  // The addresses alone make nobody a viewer.
  expect(await edge.metric('gala_edge_viewers')).toBe(1);
  for (const uri of [...players, ...players, mediaPath(edge)])
    expect((await ask(edge, uri)).status).toBe(200);
  // Neither does who looks whether it is there.
  await ask(edge, mediaPath(edge, '?player=head'), { method: 'HEAD' });
  expect((await viewersOf(edge)).count).toBe(3);
  expect(await edge.metric('gala_edge_hls_players')).toBe(3);
  await expect.poll(() => edge.metric('gala_edge_viewers'), { timeout: 10_000 }).toBe(0);
  expect(await edge.metric('gala_edge_viewers_joined_total')).toBe(3);
  expect(await edge.metric('gala_edge_viewers_left_total')).toBe(3);
});

test('a player that waits for its playlist is there', async () => {
  await using edge = await startTestEdge({ env: { GALA_HLS_SEGMENT_MS: '1000' } });
  await using host = await publish(edge);
  const { segments } = await begin(edge, host);
  const { sequence } = segments.at(-1)!;
  const waiting = ask(edge, mediaPath(edge, `?_HLS_msn=${sequence + 1}`));
  await expect.poll(() => edge.metric('gala_edge_hls_blocked')).toBe(1);
  const status = waiting.then((answer) => answer.status);
  // It is told to come again at the limit of three target durations, and is gone as long after that.
  expect(await status).toBe(503);
  expect(await edge.metric('gala_edge_viewers')).toBe(1);
});

test('they count under the bounds of all viewers, and the tokens that they make up do not help', async () => {
  await using edge = await startTestEdge({ env: { GALA_EDGE_VIEWERS_PER_ADDRESS_MAX: '2' } });
  await using host = await publish(edge);
  await begin(edge, host);
  expect((await ask(edge, mediaPath(edge, '?player=second'))).status).toBe(200);
  expect(await codeOf(await ask(edge, mediaPath(edge, '?player=third')))).toEqual([503, 'TOO_MANY_VIEWERS']);
  // What is no token is none.
  expect((await ask(edge, mediaPath(edge, '?player=*'))).status).toBe(200);
  expect(await edge.metric('gala_edge_viewers')).toBe(2);
});
