import { createMetrics } from '@gala/lib/metrics';
import type { ProgrammeDraft } from '@gala/protocol/programme';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeHost, publish, startTestRooms, type TestRooms } from '../testing.ts';
import { closeEnded, forgetReservations } from '../store/programmes.ts';
import { ProgrammeEvents } from './events.ts';
import { ProgrammeKeeper } from './keeper.ts';
import { Programmes } from './programmes.ts';

const hourMs = 3_600_000;
const operator = { userId: 0, isOperator: true, reason: 'a test' };

let world: TestRooms;
let parts: ConstructorParameters<typeof Programmes>[0];
let programmes: Programmes;
let hosts: Awaited<ReturnType<typeof makeHost>>[];

beforeAll(async () => {
  world = await startTestRooms();
  parts = another();
  programmes = new Programmes(parts);
  hosts = [await makeHost(world), await makeHost(world)];
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

/** As another process has them. */
function another(): typeof parts {
  const metrics = createMetrics('test');
  return { ...world, metrics, programmeEvents: new ProgrammeEvents({ ...world, metrics }) };
}

const pool = () => world.sql.core().pool;
const draft = (changes: Partial<ProgrammeDraft> = {}): ProgrammeDraft => ({
  titles: { en: 'A gala', zh: '晚会' },
  text: 'at eight',
  startsAtMs: world.clock.nowMs() + hourMs,
  endsAtMs: world.clock.nowMs() + 2 * hourMs,
  angles: hosts.map(({ hostId }, at) => ({ hostId, label: { en: `Camera ${at}`, zh: `${at} 号机` } })),
  stewardIds: [],
  ...changes,
});
const create = (name: string, changes?: Partial<ProgrammeDraft>) =>
  programmes.create({ name, draft: draft(changes), steering: operator });

test('a programme is made by operators, found and listed with its hosts', async () => {
  const made = await create('gala');
  expect(made).toMatchObject({ name: 'gala', phase: 'planned', version: 1, reservations: 0 });
  expect(made.angleStates).toEqual(hosts.map(({ host }) => ({ hostName: host.name, isOnAir: false })));
  const { programmes: listed, total } = await programmes.list({ limit: 10, offset: 0 });
  expect([listed.map(({ name }) => name), total]).toEqual([['gala'], 1]);
  await expect(create('gala')).rejects.toMatchObject({ code: 'PROGRAMME_EXISTS' });
  const asHost = { userId: hosts[0].hostId, isOperator: false, reason: '' };
  const byHost = programmes.create({ name: 'mine', draft: draft(), steering: asHost });
  await expect(byHost).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(programmes.get('nothing')).rejects.toMatchObject({ code: 'PROGRAMME_UNKNOWN' });
});

test('what makes no sense is refused', async () => {
  const nowMs = world.clock.nowMs();
  const angle = draft().angles[0];
  for (const wrong of [
    { endsAtMs: nowMs + hourMs },
    { startsAtMs: nowMs - 2 * hourMs, endsAtMs: nowMs - hourMs },
    { startsAtMs: nowMs + 400 * 24 * hourMs, endsAtMs: nowMs + 401 * 24 * hourMs },
    { endsAtMs: nowMs + 40 * 24 * hourMs },
    { titles: { en: '', zh: '晚会' } },
    { angles: [] },
    { angles: [angle, angle] },
    { angles: Array.from({ length: 17 }, (_, at) => ({ ...angle, hostId: at + 1 })) },
    { stewardIds: Array.from({ length: 17 }, (_, at) => at + 1) },
  ])
    await expect(create('wrong', wrong)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  await expect(create('Wrong Name')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  const nobody = create('wrong', { angles: [{ ...angle, hostId: 2 ** 31 }] });
  await expect(nobody).rejects.toMatchObject({ code: 'HOST_UNKNOWN' });
});

test('who may steer changes it, but not who may steer; a change of an older version is refused', async () => {
  const steward = { userId: hosts[0].hostId, isOperator: false, reason: 'a test' };
  const stewardIds = [steward.userId];
  const { version } = await create('steered', { stewardIds });
  const edit = (steering: typeof steward, changes: Partial<ProgrammeDraft>, from: number) =>
    programmes.edit({ name: 'steered', draft: draft({ stewardIds, ...changes }), steering, version: from });
  const edited = await edit(steward, { text: 'at nine' }, version);
  expect(edited).toMatchObject({ version: 2, draft: { text: 'at nine' } });
  await expect(edit(steward, {}, version)).rejects.toMatchObject({ code: 'PROGRAMME_CHANGED' });
  await expect(edit(steward, { stewardIds: [] }, 2)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const stranger = { ...steward, userId: hosts[1].hostId };
  await expect(edit(stranger, {}, 2)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(programmes.cancel('steered', stranger)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await programmes.cancel('steered', steward);
  expect((await programmes.get('steered')).phase).toBe('cancelled');
  await expect(edit(operator, {}, 3)).rejects.toMatchObject({ code: 'PROGRAMME_CLOSED' });
  await expect(programmes.cancel('steered', operator)).rejects.toMatchObject({ code: 'PROGRAMME_CLOSED' });
});

test('a reservation counts once for each user and each device, in whatever process', async () => {
  await create('reserved');
  const other = new Programmes(another());
  const device = { device: 'device-of-a-test-1' };
  const user = { userId: hosts[0].hostId };
  await Promise.all(
    [programmes, other, programmes].map((each) => each.setReserved('reserved', device, true)),
  );
  await programmes.setReserved('reserved', user, true);
  const count = async () => (await new Programmes(another()).get('reserved')).reservations;
  expect(await count()).toBe(2);
  expect(await other.isReserved('reserved', device)).toBe(true);
  for (const each of [programmes, other]) await each.setReserved('reserved', device, false);
  expect(await count()).toBe(1);
  expect(await other.isReserved('reserved', device)).toBe(false);
  const { rows } = await pool().query<{ holder: Buffer }>('select holder from room_programme_reservation');
  expect(rows.map(({ holder }) => holder.length)).toEqual([16]);
});

test('no more reserve than may; those who did stay', async () => {
  const { programmeId } = await create('full');
  await pool().query(
    `insert into room_programme_count select $1, stripe, 100000 from generate_series(0, 15) stripe`,
    [programmeId],
  );
  const reserve = programmes.setReserved('full', { device: 'device-of-a-test-1' }, true);
  await expect(reserve).rejects.toMatchObject({ code: 'RESERVATIONS_FULL' });
  await pool().query('update room_programme_count set reserved = 99999 where programme_id = $1', [
    programmeId,
  ]);
  for (const _ of [1, 2]) await programmes.setReserved('full', { device: 'device-of-a-test-1' }, true);
  await programmes.cancel('full', operator);
  const late = programmes.setReserved('full', { device: 'device-of-a-test-2' }, true);
  await expect(late).rejects.toMatchObject({ code: 'PROGRAMME_CLOSED' });
});

test('there are no more programmes to come than there may be', async () => {
  await pool().query(
    `insert into room_programme (name, state, title_en, title_zh, text, starts_at_ms, ends_at_ms, angles,
       steward_ids, version, changed_at_ms, has_reservations)
     select 'filler-' || number, 'planned', 'x', 'x', '', 1, 2, '[]', '[]', 1, 1, false
     from generate_series(1, 1000 - (select count(*) from room_programme where state = 'planned')) number`,
  );
  await expect(create('one-more')).rejects.toMatchObject({ code: 'TOO_MANY_PROGRAMMES' });
  expect(await closeEnded(pool(), 2)).not.toContain('gala');
  await create('one-more');
});

test('near its time its rooms are warmed; it is live with a host on air, and over at its end', async () => {
  const { startsAtMs } = (await create('show')).draft;
  world.clock.advance(startsAtMs - world.clock.nowMs() - 300_000);
  const phase = async () => (await new Programmes(another()).get('show')).phase;
  expect(await phase()).toBe('countdown');
  await publish(world, hosts[1].streamKey);
  world.clock.advance(5000);
  const shown = await new Programmes(another()).get('show');
  expect(shown.phase).toBe('live');
  expect(shown.angleStates.map(({ isOnAir }) => isOnAir)).toEqual([false, true]);

  const warmed: number[] = [];
  const programmeEvents = parts.programmeEvents;
  programmeEvents.warmed = (rooms) => void warmed.push(rooms);
  await using _keeper = new ProgrammeKeeper({ ...world, programmes, programmeEvents });
  await expect.poll(() => warmed.at(-1), { timeout: 10_000 }).toBe(1);
  world.clock.advance(2 * hourMs);
  expect(await phase()).toBe('over');
  const stateOf = async () => {
    const { rows } = await pool().query<{ state: string }>(
      `select state from room_programme where name = 'show'`,
    );
    return rows[0].state;
  };
  await expect.poll(stateOf, { timeout: 15_000 }).toBe('over');
});

test('who reserved is forgotten after a while, the count is not', async () => {
  const left = async () => {
    const { rows } = await pool().query<{ count: number }>('select count(*) from room_programme_reservation');
    return rows[0].count;
  };
  expect(await left()).toBeGreaterThan(0);
  const lateMs = world.clock.nowMs() + 48 * hourMs;
  for (let round = 0; round < 8; round++) await forgetReservations(pool(), lateMs, 1);
  expect(await left()).toBe(0);
  expect((await new Programmes(another()).get('reserved')).reservations).toBe(1);
});
