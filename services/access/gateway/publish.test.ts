import { composeRoomId } from '@gala/protocol/ids';
import { InteractionService } from '@gala/protocol/interaction';
import type { BodyOf } from '@gala/protocol/rest';
import { decodeSignals, signalClasses, type Signal } from '@gala/protocol/signals';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { houseOfChat } from '../../../test/harness/houses.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';
import { createTestHost, TestClient } from './testing.ts';

type Order = BodyOf<'publishSignal'>;

let house: TestHouse;
let operator: TestClient;
let host: Awaited<ReturnType<typeof createTestHost>>;
let roomId: number;

beforeAll(async () => {
  house = await startTestHouse({
    ...houseOfChat,
    env: { GALA_INTERACTION_DURABLE_MS_MAX: '300' },
  });
  operator = new TestClient(house.listener.port, { token: house.operatorToken });
  host = await createTestHost(operator, 'mira');
  roomId = composeRoomId(host.hostId, 1);
  await host.session.call('createRoom', { body: { title: 'tonight' } });
}, 60_000);
afterAll(() => house[Symbol.asyncDispose]());

const publish = (body: Order, client = operator) =>
  client.call('publishSignal', { params: { roomId }, body });
const owner = () => house.context.rpc.client(InteractionService);

/** All that was said in the room. */
async function said(): Promise<Signal[]> {
  const asked = { roomId: BigInt(roomId), epoch: 0n, after: 0n, limit: 1000 };
  const { batches } = await owner().readBatches(asked);
  return batches.flatMap(({ epoch, from, atMs, sections }) =>
    epoch === 0n
      ? []
      : sections.flatMap(({ class: name, items, payload }) =>
          decodeSignals(
            { class: signalClasses[name], items, payload },
            { from: Number(from), atMs: Number(atMs) },
          ),
        ),
  );
}

const gift = { author: { userId: 7, name: 'juno' }, giftId: 'rose', count: 3, entryId: 'e-1' };

test('a gift is said as money, and once, however often it is published', async () => {
  const first = await publish({ publishId: 'order-1', gift });
  const again = await publish({ publishId: 'order-1', gift });
  expect(first.body).toEqual({ signalId: expect.stringMatching(/./), reached: 0 });
  expect(again.body).toEqual(first.body);
  await publish({ publishId: 'order-2', notice: { class: 'control', name: 'pause', data: { s: 5 } } });
  await expect.poll(said).toMatchObject([
    {
      type: 'gift',
      class: 'money',
      signalId: first.body.signalId,
      giftId: 'rose',
      count: 3,
      entryId: 'e-1',
      author: { userId: 7, name: 'juno', role: 'viewer' },
    },
    { type: 'notice', class: 'control', name: 'pause', data: { s: 5 } },
  ]);
});

test('a part of the state is set once for one id, and none of those that Gala writes', async () => {
  const set = (publishId: string, name: string, value: unknown) =>
    publish({ publishId, state: { name, value } });
  await set('s-1', 'layout', { seats: 2 });
  await set('s-2', 'layout', { seats: 3 });
  await set('s-1', 'layout', { seats: 2 });
  const { state } = await owner().readState({ roomId: BigInt(roomId) });
  const [layout] = state.filter(({ name }) => name === 'layout');
  expect(Buffer.from(layout.value).toString()).toBe('{"seats":3}');
  expect((await set('s-3', 'likes', { total: 9 })).code).toBe('INVALID_REQUEST');
});

test('what is for some users goes to nobody else, and says how many it reached', async () => {
  const before = await said();
  const peer = { userIds: [7], notice: { class: 'host' as const, name: 'invite' } };
  expect((await publish({ publishId: 'p-1', peer })).body).toEqual({ signalId: '', reached: 0 });
  expect(await said()).toEqual(before);
});

test('what is not one thing, or not a known one, is refused; so is who is no operator', async () => {
  const notice = { class: 'system', name: 'x' } as const;
  const wrong: object[] = [
    { publishId: 'w-1' },
    { publishId: 'w-2', notice, gift },
    { notice },
    { publishId: 'w 3', notice },
    { publishId: 'w-4', notice: { ...notice, class: 'money' } },
    { publishId: 'w-5', notice: { ...notice, extra: 1 } },
    { publishId: 'w-6', notice: { ...notice, data: 'x'.repeat(9000) } },
    { publishId: 'w-7', gift: { ...gift, count: 0 } },
    { publishId: 'w-8', extra: 1, notice },
  ];
  for (const body of wrong) {
    expect((await publish(body as Order)).code, JSON.stringify(body).slice(0, 80)).toBe('INVALID_REQUEST');
  }
  expect((await publish({ publishId: 'w-9', notice }, host.session)).code).toBe('FORBIDDEN');
  const elsewhere = { params: { roomId: roomId + 5 }, body: { publishId: 'w-10', notice } };
  expect((await operator.call('publishSignal', elsewhere)).code).toBe('ROOM_SILENT');
});

test('while the log does not answer, money is refused with the time to wait, and the same id counts once', async () => {
  const body = { publishId: 'late-1', gift };
  const client = await house.postgres.sql.core().pool.connect();
  await client.query('begin; lock table eventlog_partition in access exclusive mode');
  try {
    const refused = await publish(body);
    expect([refused.status, refused.code]).toEqual([503, 'SIGNALS_UNDURABLE']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  } finally {
    await client.query('rollback');
    client.release();
  }
  const late = async () => (await publish(body)).body?.signalId;
  await expect.poll(late, { timeout: 10_000 }).toMatch(/./);
  const signalId = await late();
  const ids = async () => (await said()).map((signal) => signal.signalId).filter((id) => id === signalId);
  await expect.poll(ids).toEqual([signalId]);
});
