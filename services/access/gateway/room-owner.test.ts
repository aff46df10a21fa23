import { CodedError } from '@gala/lib/error';
import { createMetrics } from '@gala/lib/metrics';
import { createRpc, type Handlers } from '@gala/lib/rpc';
import { protocolErrors, type ProtocolErrorCode } from '@gala/protocol/errors';
import { ModerationService } from '@gala/protocol/moderation';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { askOwner } from './room-owner.ts';
import { Spread } from './spread.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';

let house: TestHouse;
const cleanUp = new AsyncDisposableStack();
const names = ['owner-a', 'owner-b'];
/** What each process refuses with; undefined: it owns the rooms. */
const refusals = new Map<string, ProtocolErrorCode>();
const asked: string[] = [];

beforeAll(async () => {
  house = cleanUp.use(await startTestHouse({ roles: [], sections: [], migrations: [] }));
  for (const name of names) await startProcess(name);
}, 60_000);
afterAll(() => cleanUp.disposeAsync());
beforeEach(() => {
  refusals.clear();
  asked.length = 0;
});

/** A process of a fleet that serves moderation, over the real rpc. */
async function startProcess(name: string): Promise<void> {
  const { coord, logger } = house.context;
  const hosts = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1', port: 0, portSetting: 'none' };
  const options = { memberId: name, coord, clusterToken: 'cluster-token-of-tests', ...hosts };
  const rpc = cleanUp.use(createRpc({ ...options, logger, metrics: createMetrics(name) }));
  const setFollow = async () => {
    asked.push(name);
    const code = refusals.get(name);
    if (code) throw new CodedError(protocolErrors, code);
    return { followedAtMs: 1n };
  };
  const handlers = Object.keys(ModerationService.method).map((method) => [method, setFollow]);
  const served = Object.fromEntries(handlers) as Handlers<typeof ModerationService>;
  cleanUp.use(await rpc.serve(ModerationService, served));
}

function follow(hostId = 7): Promise<object> {
  const owners = new Spread(house.context.rpc, ModerationService);
  return askOwner({ owners, hostId }, {}, (owner, options) =>
    owner.setFollow({ hostId: BigInt(hostId), userId: 8n, name: 'x', follows: true }, options),
  );
}

test('the first in the order of the ring is asked, the next one when it is not the owner', async () => {
  await follow();
  const [first] = asked;
  const second = names.find((name) => name !== first) ?? '';
  refusals.set(first, 'NOT_OWNER');
  await follow();
  expect(asked).toEqual([first, first, second]);
});

test('while nobody owns the rooms it is asked again, until somebody does', async () => {
  for (const name of names) refusals.set(name, 'NOT_OWNER');
  const following = follow();
  await expect.poll(() => asked.length).toBeGreaterThanOrEqual(4);
  refusals.clear();
  expect(await following).toMatchObject({ followedAtMs: 1n });
});

test('what the owner decides stands', async () => {
  for (const name of names) refusals.set(name, 'NOT_MODERATOR');
  await expect(follow()).rejects.toMatchObject({ code: 'NOT_MODERATOR' });
  expect(asked).toHaveLength(1);
});
