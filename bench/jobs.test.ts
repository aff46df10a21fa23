import { expect, test } from 'vitest';
import { roomCount } from './jobs-rooms.ts';
import { measureVisits } from './jobs-visits.ts';

test('100,000 rooms are visited once a second by three workers', async () => {
  const seconds = 3;
  const visits = await measureVisits({ workers: 3, seconds });
  console.table([visits]);
  expect(visits).toMatchObject({ ticks: visits.ticksDue, ticksTwice: 0, visits: roomCount * seconds });
  expect(visits.lateMsP99).toBeLessThan(1000);
}, 60_000);
