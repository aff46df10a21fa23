import { openRoomSignals, type Gap, type RoomSignals, type SignalEntry } from '@gala/sdk/signal';
import { expect, test } from 'vitest';
import { GalaCommand, portsEnv } from '../harness/command.ts';
import { DataFolder } from '../harness/data-folder.ts';
import { freePort, Gala } from '../harness/gala.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { waitFor } from '../harness/wait.ts';

/** Clients of each node. */
const clientsEach = 40;
/** How soon all clients of the dead node are at the other one. */
const backMsMax = 5_000;

/** Who hears comments, at a node of his choice first. */
class Hearer implements Disposable {
  readonly room: RoomSignals;
  readonly texts: string[] = [];
  readonly gaps: Gap[] = [];
  /** When its connection was there again, monotonic; 0 while that is not so. */
  openedAtMs = 0;

  constructor(enter: () => Promise<SignalEntry>) {
    this.room = openRoomSignals({
      enter,
      client: { platform: 'node', version: 1, capabilities: [] },
      linesPerSecondMax: 10_000,
    });
    this.room.on('signals', (signals) => {
      for (const each of signals) if (each.type === 'comment') this.texts.push(each.text);
    });
    this.room.on('gap', (gap) => this.gaps.push(gap));
    this.room.on('status', ({ status }) => {
      this.openedAtMs = status === 'open' ? performance.now() : 0;
    });
    this.room.connect();
  }

  [Symbol.dispose](): void {
    this.room.close();
  }
}

/** `gala up`, and a second signal node beside it at a port of its own. */
async function startNodes(stack: AsyncDisposableStack) {
  const folder = stack.use(await DataFolder.make());
  const [galaHttp, nodeHttp] = [await freePort(), await freePort()];
  const urls = [galaHttp, nodeHttp].map((port) => `ws://127.0.0.1:${port}/signal`);
  // All clients of this test have one address.
  const env = { GALA_GATEWAY_LIMITS_CHANGE_PER_ADDRESS_BURST: '10000' };
  const galaEnv = { ...env, GALA_SIGNAL_PUBLIC_URL: urls[0] };
  const gala = stack.use(
    await Gala.start({ dataFolder: folder.path, env: galaEnv, ports: { http: galaHttp } }),
  );
  const own = { GALA_DATA: folder.path, GALA_SIGNAL_PUBLIC_URL: urls[1] };
  const node = stack.use(
    new GalaCommand({ args: ['run', 'signal'], env: { ...portsEnv({ http: nodeHttp }), ...env, ...own } }),
  );
  await waitFor(() => node.isReady, { timeoutMs: 60_000, what: 'the second node' });
  return { gala, node, urls };
}

test('a node dies: its clients are at the other one soon, with nothing twice and nothing missing', async () => {
  await using stack = new AsyncDisposableStack();
  const { gala, node, urls } = await startNodes(stack);
  const host = await gala.createHost('mira');
  stack.use(await FixturePublisher.start({ rtmpUrl: gala.rtmpUrl, streamKey: host.streamKey }));
  const live = async () => (await gala.anyone.listLiveRooms({})).rooms[0]?.roomId;
  const roomId = await waitFor(live, { what: 'the room' });
  const signIn = await post(`${gala.webUrl}/v1/sessions`, { name: host.name, password: host.password });
  const cookie = signIn.headers.getSetCookie()[0].split(';')[0];
  const { csrfToken } = (await signIn.json()) as { csrfToken: string };
  const enterAt =
    (url: string, headers = {}) =>
    async (): Promise<SignalEntry> => {
      const entry = await post(`${gala.webUrl}/v1/rooms/${roomId}/signals/entry`, {}, headers);
      const { urls: found, ...rest } = (await entry.json()) as SignalEntry;
      return { ...rest, urls: [...found].sort((one, other) => Number(other === url) - Number(one === url)) };
    };
  const found = (await enterAt(urls[0])()).urls;
  expect(found.toSorted()).toEqual(urls.toSorted());
  const speaker = stack.use(new Hearer(enterAt(urls[0], { cookie, 'x-gala-csrf': csrfToken })));
  const hearers = urls.flatMap((url) =>
    Array.from({ length: clientsEach }, () => stack.use(new Hearer(enterAt(url)))),
  );
  const isOpen = ({ room }: Hearer): boolean => room.status === 'open';
  await waitFor(() => isOpen(speaker) && hearers.every(isOpen), { timeoutMs: 30_000, what: 'all clients' });
  const said: string[] = [];
  const say = async (): Promise<void> => {
    const text = `comment ${said.length}`;
    const answer = await speaker.room.comment(text);
    if (answer.ok) said.push(text);
  };
  for (let count = 0; count < 5; count++) await say();
  node.process.kill('SIGKILL');
  const diedAtMs = performance.now();
  await waitFor(() => !hearers.every(isOpen), { what: 'lost connections' });
  while (!hearers.every(isOpen) && performance.now() - diedAtMs < 20_000) await say();
  const backMs = hearers.slice(clientsEach).map(({ openedAtMs }) => openedAtMs - diedAtMs);
  await say();
  const isWhole = ({ texts }: Hearer): boolean => texts.at(-1) === said.at(-1);
  await waitFor(() => hearers.every(isWhole), { timeoutMs: 10_000, what: 'the last comment everywhere' });
  const sorted = backMs.toSorted((one, other) => one - other).map(Math.round);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)];
  console.log(`${backMs.length} clients back after ${at(0.5)} ms (p50), ${at(0.99)} ms (p99), ${at(1)} ms`);
  expect(at(0)).toBeGreaterThan(0);
  expect(Math.max(...backMs)).toBeLessThan(backMsMax);
  for (const hearer of hearers) {
    expect(hearer.gaps).toEqual([]);
    expect(hearer.texts).toEqual(said);
  }
});

function post(url: string, body: object, headers = {}): Promise<Response> {
  const sent = { 'content-type': 'application/json', ...headers };
  return fetch(url, { method: 'POST', headers: sent, body: JSON.stringify(body) });
}
