import { programmeOperations } from '@gala/protocol/rest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { houseOfRooms } from '../../../test/harness/houses.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';
import { createTestHost, TestClient } from './testing.ts';

let house: TestHouse;
let operator: TestClient;
let mira: Awaited<ReturnType<typeof createTestHost>>;
let juno: Awaited<ReturnType<typeof createTestHost>>;

beforeAll(async () => {
  house = await startTestHouse(houseOfRooms);
  operator = new TestClient(house.listener.port, { token: house.operatorToken });
  mira = await createTestHost(operator, 'mira');
  juno = await createTestHost(operator, 'juno');
}, 60_000);
afterAll(() => house[Symbol.asyncDispose]());

const stranger = () => new TestClient(house.listener.port);
const reason = 'test of programmes';
const params = { programmeName: 'gala' };
const startsAtMs = Date.now() + 3_600_000;
const draft = {
  titles: { en: 'The gala', zh: '晚会' },
  text: 'at eight',
  startsAtMs,
  endsAtMs: startsAtMs + 3_600_000,
  angles: [
    { hostRef: '@mira', label: { en: 'Stage', zh: '舞台' } },
    { hostRef: '@juno', label: { en: 'Backstage', zh: '后台' } },
  ],
  stewards: ['@mira'],
};

test('an operator makes a programme, and anyone reads it', async () => {
  const made = await operator.call('createProgramme', { body: { name: 'gala', draft, reason } });
  expect(made.body.programme).toMatchObject({ name: 'gala', phase: 'planned', version: 1 });
  const { programme } = (await stranger().call('getProgramme', { params })).body;
  expect(programme.angles).toEqual([
    { hostId: mira.hostId, hostName: 'mira', label: draft.angles[0].label, isOnAir: false },
    { hostId: juno.hostId, hostName: 'juno', label: draft.angles[1].label, isOnAir: false },
  ]);
  expect(programme).not.toHaveProperty('stewards');
  const listed = await stranger().call('listProgrammes');
  expect(listed.body).toMatchObject({ programmes: [{ name: 'gala', titles: draft.titles }], total: 1 });
  expect(listed.headers['cache-control']).toBe('public, max-age=1');
  const next = await stranger().call('listProgrammes', { query: { offset: 1 } });
  expect(next.body).toEqual({ programmes: [], total: 1 });
});

test('hosts make none, and what names nobody is refused', async () => {
  const byHost = await mira.session.call('createProgramme', { body: { name: 'mine', draft, reason } });
  expect(byHost.code).toBe('FORBIDDEN');
  const angles = [{ hostRef: '@nobody-here', label: { en: 'x', zh: 'x' } }];
  const refused = async (changes: object) =>
    (
      await operator.call('createProgramme', {
        body: { name: 'new', draft: { ...draft, ...changes }, reason },
      })
    ).code;
  expect(await refused({ angles })).toBe('HOST_UNKNOWN');
  expect(await refused({ stewards: ['@nobody-here'] })).toBe('USER_UNKNOWN');
  expect(await refused({ endsAtMs: startsAtMs })).toBe('INVALID_REQUEST');
  const unknown = await stranger().call('getProgramme', { params: { programmeName: 'none' } });
  expect([unknown.status, unknown.code]).toEqual([404, 'PROGRAMME_UNKNOWN']);
});

test('who may steer reads the plan and changes it; others do not', async () => {
  const plan = (await mira.session.call('getProgrammePlan', { params })).body;
  expect(plan).toEqual({ draft: { ...draft, stewards: [String(mira.hostId)] }, version: 1 });
  const edit = (client: TestClient, changes: object) =>
    client.call('editProgramme', {
      params,
      body: { draft: { ...plan.draft, ...changes }, version: plan.version, reason },
    });
  for (const { code } of [
    await juno.session.call('getProgrammePlan', { params }),
    await edit(juno.session, {}),
    await edit(mira.session, { stewards: [] }),
    await juno.session.call('cancelProgramme', { params, body: { reason } }),
  ])
    expect(code).toBe('FORBIDDEN');
  expect((await edit(stranger(), {})).code).toBe('UNAUTHENTICATED');
  expect((await edit(mira.session, { text: 'at nine' })).body.programme).toMatchObject({
    text: 'at nine',
    version: 2,
  });
  expect((await edit(operator, {})).code).toBe('PROGRAMME_CHANGED');
});

test('a reservation counts once for a user and once for a device, and is taken back', async () => {
  const device = 'device-of-a-test-1';
  const count = async () => (await stranger().call('getProgramme', { params })).body.programme.reservations;
  const isReserved = async (client: TestClient, query: { device?: string }) =>
    (await client.call('getReservation', { params, query })).body.isReserved;
  for (let times = 0; times < 2; times++) {
    await stranger().call('reserveProgramme', { params, body: { device } });
    await mira.session.call('reserveProgramme', { params, body: {} });
  }
  await expect.poll(count).toBe(2);
  expect([await isReserved(stranger(), { device }), await isReserved(mira.session, {})]).toEqual([
    true,
    true,
  ]);
  await stranger().call('unreserveProgramme', { params, query: { device } });
  await expect.poll(count).toBe(1);
  expect(await isReserved(stranger(), { device })).toBe(false);
  const nobody = await stranger().call('reserveProgramme', { params, body: {} });
  expect(nobody.code).toBe('INVALID_REQUEST');
  const headers = { 'Sec-Fetch-Site': 'cross-site' };
  const foreign = await mira.session.call('unreserveProgramme', { params, headers });
  expect(foreign.code).toBe('FORBIDDEN');
});

test('cancelled it is in no list and takes no reservation', async () => {
  expect((await mira.session.call('cancelProgramme', { params, body: { reason } })).code).toBeUndefined();
  expect((await stranger().call('listProgrammes')).body.total).toBe(0);
  expect((await stranger().call('getProgramme', { params })).body.programme.phase).toBe('cancelled');
  const late = await stranger().call('reserveProgramme', { params, body: { device: 'device-of-a-test-2' } });
  expect(late.code).toBe('PROGRAMME_CLOSED');
  const told = house.logLines.filter((line) => line.includes('"part":"programmes"'));
  expect(told.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'programme made',
    'programme changed',
    'programme cancelled',
  ]);
});

test('every operation of programmes was answered with success', () => {
  const names = Object.keys(programmeOperations);
  expect([...TestClient.exercised].filter((name) => names.includes(name)).sort()).toEqual(names.sort());
});
