import { MemoryCoord } from '@gala/lib/rpc/testing';
import { SignalService } from '@gala/protocol/signal';
import { decodePage, jsonSubprotocol } from '@gala/protocol/signals';
import { beforeAll, afterAll, expect, test } from 'vitest';
import { startTestNode, TestClient, TestOwner, testRoomId, testTicket, type TestNode } from './testing.ts';

let owner: TestOwner;
let node: TestNode;
let startedAtMs = 0;
const coord = new MemoryCoord();

beforeAll(async () => {
  owner = await TestOwner.start(coord);
  node = await startTestNode({ coord });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await owner[Symbol.asyncDispose]();
});

test('who enters gets the state and then what is said, all of one kind the same bytes', async () => {
  using one = await TestClient.open(node.url);
  using other = await TestClient.open(node.url);
  await expect.poll(() => one.welcome && other.welcome).toBeDefined();
  startedAtMs = Date.now();
  expect(one.welcome).toMatchObject({
    isComplete: true,
    tier: 'full',
    state: [{ name: 'likes', value: { total: 7 } }],
  });
  await owner.say(['hello', 'world']);
  await expect.poll(() => other.texts).toEqual(['hello', 'world']);
  expect(one.frames).toEqual(other.frames);
  expect(await node.metric('gala_signal_frames_made_total')).toBeGreaterThan(0);
});

test('clients of JSON and those who compress get the same signals', async () => {
  using plain = await TestClient.open(node.url);
  using json = await TestClient.open(node.url, {}, { subprotocol: jsonSubprotocol });
  using deflated = await TestClient.open(node.url, {}, { deflate: true });
  const all = [plain, json, deflated];
  await expect.poll(() => all.every(({ welcome }) => welcome)).toBe(true);
  await owner.say(Array.from({ length: 20 }, (_, index) => `said again and again ${index}`));
  await expect.poll(() => all.map(({ texts }) => texts.length)).toEqual([20, 20, 20]);
  expect(json.batches).toEqual(plain.batches);
  expect(deflated.batches).toEqual(plain.batches);
});

test('what is for clients of one kind reaches no others', async () => {
  const withGifts = { platform: 'test', version: 1, capabilities: ['gifts'] };
  using plain = await TestClient.open(node.url);
  using able = await TestClient.open(node.url, { client: withGifts });
  await expect.poll(() => plain.welcome && able.welcome).toBeDefined();
  await owner.say(['for some'], { capability: 'gifts' });
  await owner.say(['for all']);
  await expect.poll(() => able.texts).toEqual(['for some', 'for all']);
  expect(plain.texts).toEqual(['for all']);
  expect(plain.batches.map(({ from, to }) => [from, to])).toEqual(
    able.batches.map(({ from, to }) => [from, to]),
  );
});

test('what clients say reaches the owner with who says it, and its answer the one who said it', async () => {
  owner.answers.set('slow', { code: 'SLOW_MODE', retryAfterMs: 3_000 });
  using client = await TestClient.open(node.url);
  await expect.poll(() => client.welcome).toBeDefined();
  client.send({ type: 'send', id: 'a', signal: { type: 'comment', text: 'hi' } });
  client.send({ type: 'send', id: 'b', signal: { type: 'comment', text: 'slow' } });
  await expect
    .poll(() => client.messages.filter(({ type }) => type === 'reply'))
    .toEqual([
      { type: 'reply', id: 'a', code: '', retryAfterMs: 0, signalId: 's-a', isHeld: false },
      { type: 'reply', id: 'b', code: 'SLOW_MODE', retryAfterMs: 3_000, signalId: '', isHeld: false },
    ]);
  expect(owner.submissions.at(-1)).toMatchObject({ speaker: { userId: 7n, name: 'anna', role: 'viewer' } });
});

test('the owner is told who comes and goes', async () => {
  const names = () => [...(owner.present.get('node-1')?.values() ?? [])];
  const client = await TestClient.open(node.url, { ticket: testTicket({ name: 'bert' }) });
  await expect.poll(names).toContain('bert');
  client[Symbol.dispose]();
  await expect.poll(names).not.toContain('bert');
});

test('peer signals reach the named connection alone', async () => {
  using one = await TestClient.open(node.url, { ticket: testTicket({ name: 'peer' }) });
  using other = await TestClient.open(node.url);
  const idOf = () => [...(owner.present.get('node-1') ?? [])].find(([, name]) => name === 'peer')?.[0];
  await expect.poll(idOf).toBeDefined();
  await owner.tell('node-1', [idOf()!], 'psst');
  await expect
    .poll(() => one.messages.find(({ type }) => type === 'peer'))
    .toMatchObject({ signal: { text: 'psst' } });
  expect(other.messages.some(({ type }) => type === 'peer')).toBe(false);
});

test('push, pull and slots tell the same sequence; a slot that is over never changes', async () => {
  const base = `http://127.0.0.1:${node.port}/signal/rooms/${testRoomId}`;
  const page = async (path: string, init?: RequestInit) => {
    const answer = await fetch(base + path, init);
    expect(answer.status, path).toBe(200);
    return { headers: answer.headers, page: decodePage(new Uint8Array(await answer.arrayBuffer())) };
  };
  using client = await TestClient.open(node.url);
  await expect.poll(() => client.welcome).toBeDefined();
  const start = (await page('/pull')).page;
  // Slots are whole from the one on that begins after the room was opened here.
  await expect.poll(() => Date.now() - startedAtMs).toBeGreaterThan(2_100);
  expect(start).toMatchObject({ offset: owner.offset, batches: [], state: [{ name: 'likes' }] });
  const place = `${start.epoch}.${start.offset}.${start.durable}`;
  const waiting = page(`/pull?after=${place}&waitMs=20000`);
  await expect.poll(() => node.metric('gala_signal_reads_waiting')).toBe(1);
  await owner.say(['one']);
  expect((await waiting).page.batches).toHaveLength(1);
  await owner.say(['two']);
  const saidAtMs = Date.now();
  const pulled = (await page(`/pull?after=${place}`)).page;
  await expect.poll(() => client.texts).toEqual(['one', 'two']);
  expect(pulled).toMatchObject({ after: start.offset, offset: owner.offset, isComplete: true });
  expect(pulled.batches).toEqual(client.batches);
  const json = await fetch(`${base}/pull?after=${place}`, { headers: { accept: 'application/json' } });
  expect(await json.json()).toEqual(pulled);
  const slots = new Set(client.batches.map(({ atMs }) => Math.floor(atMs / 1000)));
  await expect.poll(() => Date.now() - saidAtMs).toBeGreaterThan(1_600);
  const read = await Promise.all([...slots].map((slot) => page(`/slots/${slot}`)));
  const batches = read.flatMap((each) => each.page.batches).filter(({ to }) => to > start.offset);
  expect(batches).toEqual(client.batches);
  const { headers } = read[0];
  expect(headers.get('cache-control')).toBe('public, max-age=3600, immutable');
  const known = { 'if-none-match': headers.get('etag')! };
  expect((await fetch(`${base}/slots/${[...slots][0]}`, { headers: known })).status).toBe(304);
  const early = await fetch(`${base}/slots/${Math.floor(Date.now() / 1000) + 5}`);
  expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1']);
  expect((await fetch(`${base}/pull?after=x`)).status).toBe(400);
  expect((await page('/slots/latest')).page.epoch).toBe(owner.epoch);
});

test('a lost connection resumes without a gap; from too far back it is told so', async () => {
  using first = await TestClient.open(node.url);
  await expect.poll(() => first.welcome).toBeDefined();
  const { epoch, offset, durable, stateVersion } = first.welcome!;
  first.socket.terminate();
  await owner.say(['missed 1']);
  await owner.say(['missed 2']);
  const resume = { epoch, offset, durable, stateVersion };
  using second = await TestClient.open(node.url, { resume });
  await expect.poll(() => second.welcome).toMatchObject({ isComplete: true, offset: owner.offset });
  expect(second.texts).toEqual(['missed 1', 'missed 2']);
  await owner.say(['new']);
  await expect.poll(() => second.texts).toEqual(['missed 1', 'missed 2', 'new']);
  using lost = await TestClient.open(node.url, { resume: { ...resume, epoch: epoch - 1 } });
  await expect.poll(() => lost.welcome).toMatchObject({ isComplete: false });
});

test('a gap in what the owner delivers is read from it, in order', async () => {
  using client = await TestClient.open(node.url);
  await expect.poll(() => client.welcome).toBeDefined();
  owner.isMute = true;
  await owner.say(['lost on the way']);
  owner.isMute = false;
  await owner.say(['comes too soon']);
  await expect.poll(() => client.texts).toEqual(['lost on the way', 'comes too soon']);
  owner.isMute = true;
  await owner.say(['gone for good']);
  owner.isMute = false;
  owner.forgotten = owner.offset;
  await owner.say(['after the gap']);
  await expect.poll(() => client.texts.at(-1)).toBe('after the gap');
  expect(client.messages.find(({ type }) => type === 'repaired')).toMatchObject({ isComplete: false });
});

test.each([
  ['no ticket', { ticket: 'a.b.c' }, 'TICKET_INVALID'],
  ['an expired one', { ticket: testTicket({ expiresAtMs: Date.now() - 60_000 }) }, 'TICKET_INVALID'],
])('%s opens nothing', async (_, hello, code) => {
  using client = await TestClient.open(node.url, hello);
  await expect.poll(() => client.closeCode).toBe(1008);
  expect(client.messages).toMatchObject([{ type: 'bye', code }]);
});

test('messages that are none close the connection with what is wrong', async () => {
  using text = await TestClient.open(node.url);
  text.socket.send('nonsense');
  using binary = await TestClient.open(node.url);
  binary.socket.send(Buffer.of(1, 2, 3));
  using early = new TestClient(node.url);
  early.socket.on('open', () => early.send({ type: 'send', id: 'a', signal: { type: 'like', count: 1 } }));
  await expect.poll(() => [text.closeCode, binary.closeCode, early.closeCode]).toEqual([1008, 1003, 1008]);
  expect(early.messages).toMatchObject([{ type: 'bye', code: 'HELLO_EXPECTED' }]);
});

test.each([2 ** 20 + 1, 0])('an operator removes a user from room %i, 0 being all', async (roomId) => {
  using client = await TestClient.open(node.url, { ticket: testTicket({ userId: 99 }) });
  await expect.poll(() => client.welcome).toBeDefined();
  const service = node.rpc.client(SignalService);
  const request = { roomId: BigInt(roomId), userId: 99n, device: '', code: 'BANNED' };
  expect(await service.kick(request)).toMatchObject({ connections: 1 });
  await expect.poll(() => client.closeCode).toBe(1008);
  expect(client.messages.at(-1)).toMatchObject({ type: 'bye', code: 'BANNED' });
});

test('while the owner is away clients stay and sends are refused; a new owner goes on, and the gap is told', async () => {
  using client = await TestClient.open(node.url);
  await expect.poll(() => client.welcome).toBeDefined();
  owner.refuses = 'UNAVAILABLE';
  client.send({ type: 'send', id: 'c', signal: { type: 'comment', text: 'anyone?' } });
  const replies = () => client.messages.filter((each) => each.type === 'reply');
  await expect.poll(() => replies().at(-1)).toMatchObject({ code: 'UNAVAILABLE' });
  expect(client.closeCode).toBeUndefined();
  changeOwner();
  owner.refuses = undefined;
  const opens = owner.opens;
  await expect.poll(() => owner.opens).toBeGreaterThan(opens);
  await owner.say(['the new owner speaks']);
  await expect.poll(() => client.texts).toContain('the new owner speaks');
  expect(client.messages.find(({ type }) => type === 'repaired')).toMatchObject({ epoch: owner.epoch });
});

/** Another owner, for which nothing was said yet. */
function changeOwner(): void {
  owner.epoch++;
  owner.batches.length = 0;
  owner.offset = 0;
  owner.forgotten = 0;
}

test('an owner that opens a room and tells nothing of it is not asked without a pause', async () => {
  using client = await TestClient.open(node.url);
  await expect.poll(() => client.welcome).toBeDefined();
  owner.refusesReads = true;
  changeOwner();
  const { opens } = owner;
  await owner.say(['not heard yet']);
  await expect.poll(() => owner.opens - opens).toBeGreaterThan(3);
  const beganMs = performance.now();
  const before = owner.opens;
  await expect.poll(() => performance.now() - beganMs, { timeout: 2_000 }).toBeGreaterThan(1_000);
  // By 50, 100, 200 ms and so on, at most.
  expect(owner.opens - before).toBeLessThan(6);
  owner.refusesReads = false;
  await expect.poll(() => client.texts).toContain('not heard yet');
});

test('while the log is away a new owner goes on; what was promised comes before all that is promised later', async () => {
  owner.durable = 10;
  using client = await TestClient.open(node.url);
  await expect.poll(() => client.welcome).toBeDefined();
  await owner.say(['before']);
  owner.isDurablePending = true;
  changeOwner();
  await owner.say(['goes on']);
  await expect.poll(() => client.texts).toEqual(['before', 'goes on']);
  owner.isDurablePending = false;
  owner.promised.push({ text: 'known', durable: 9 }, { text: 'promised', durable: 11 });
  owner.durable = 12;
  await owner.say(['later']);
  await expect.poll(() => client.texts).toEqual(['before', 'goes on', 'promised', 'later']);
  await owner.say(['at last']);
  await expect.poll(() => client.texts.at(-1)).toBe('at last');
  owner.promised.length = 0;
});
