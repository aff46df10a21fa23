import { systemClock } from '@gala/lib/clock';
import type { Coord } from '@gala/lib/coord';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { MemoryCoord } from '@gala/lib/rpc/testing';
import { composeRoomId } from '@gala/protocol/ids';
import { expect, test } from 'vitest';
import type { Stream } from '../stream.ts';
import { RelayEvents } from './events.ts';
import { Owners } from './owners.ts';

const hostId = 7;
const streamOf = (epoch: number, session = 1) =>
  ({ roomId: composeRoomId(hostId, session), epoch }) as Stream;

function startOwners(coord: MemoryCoord, edgeId: string) {
  const events = new RelayEvents(createLogger({ name: 'test', level: 'silent' }), createMetrics('test'));
  const options = { coord: coord as unknown as Coord, edgeId, clock: systemClock, events };
  return Object.assign(new Owners(options), { counters: events.counters });
}

const recordOf = async (coord: MemoryCoord) => (await coord.get<object>(`edge/owner/${hostId}`))?.value;

test('the newest publisher of the newest room stands, in whatever order edges write', async () => {
  const coord = new MemoryCoord();
  await using a = startOwners(coord, 'a');
  await using b = startOwners(coord, 'b');
  a.claim(streamOf(2));
  b.claim(streamOf(3));
  await expect.poll(() => recordOf(coord)).toMatchObject({ edgeId: 'b', epoch: 3 });
  a.claim(streamOf(2));
  a.release(streamOf(2));
  b.claim(streamOf(1, 2));
  await expect.poll(() => recordOf(coord)).toMatchObject({ edgeId: 'b', epoch: 1 });
  b.claim(streamOf(9, 1));
  a.claim(streamOf(4, 2));
  await expect.poll(() => recordOf(coord)).toMatchObject({ edgeId: 'a', epoch: 4 });
});

test('only the owner clears the record, and readers see it', async () => {
  const coord = new MemoryCoord();
  await using a = startOwners(coord, 'a');
  await using b = startOwners(coord, 'b');
  a.claim(streamOf(5));
  await expect.poll(() => a.find(hostId)).toMatchObject({ edgeId: 'a' });
  b.release(streamOf(5));
  a.claim(streamOf(6));
  await expect.poll(() => recordOf(coord)).toMatchObject({ edgeId: 'a', epoch: 6 });
  a.release(streamOf(6));
  await expect.poll(() => recordOf(coord)).toMatchObject({ edgeId: '', epoch: 6 });
  expect(await a.find(hostId)).toMatchObject({ edgeId: '' });
});

test('what cannot be written is tried until it stands, the newest of a host alone', async () => {
  const coord = new MemoryCoord();
  await using owners = startOwners(coord, 'a');
  coord.isReachable = false;
  owners.claim(streamOf(1));
  owners.claim(streamOf(2));
  await expect.poll(() => owners.counters.ownersFailed).toBeGreaterThan(1);
  await expect(owners.find(hostId)).rejects.toMatchObject({ code: 'COORD_UNAVAILABLE' });
  coord.isReachable = true;
  await expect.poll(() => recordOf(coord)).toMatchObject({ edgeId: 'a', epoch: 2 });
  expect(owners.counters.ownersWritten).toBe(1);
});

test('readers who come together cost one read, for a quarter of a second', async () => {
  const coord = new MemoryCoord();
  let reads = 0;
  const get = coord.get.bind(coord);
  coord.get = <Value>(key: string) => {
    reads++;
    return get<Value>(key);
  };
  await using owners = startOwners(coord, 'a');
  await Promise.all(Array.from({ length: 100 }, () => owners.find(hostId)));
  expect(reads).toBe(1);
});
