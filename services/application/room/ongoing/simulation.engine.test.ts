import { coordMigrations } from '@gala/lib/coord';
import { eventlogMigrations } from '@gala/lib/eventlog';
import { createLogger } from '@gala/lib/logger';
import { startTestPostgres } from '@gala/lib/sql/testing';
import { expect, test } from 'vitest';
import { startRoomProcess } from '../../../../test/harness/room-processes.ts';
import { migrations } from '../store/schema.ts';
import { simulate } from './testing/simulation.ts';

const seed = Number(process.env['GALA_SEED'] ?? 20_261_121);

test(`replicas are equal to the databases after 10^3 random changes and a feed that fails in every way (seed ${seed})`, async () => {
  const sets = [coordMigrations, eventlogMigrations, ...migrations];
  const logger = createLogger({ name: 'test', level: 'silent' });
  await using postgres = await startTestPostgres({ sets, logger });
  const { urls } = postgres;
  const startReader = () => startRoomProcess({ name: 'reader', urls, isReader: true, replicas: 0 });
  const options = { postgres, seed, startReader, changes: 1000, replicas: 2, roundsBetweenFaults: 8 };
  const simulated = await simulate(options);
  console.log(JSON.stringify(simulated));
  expect(simulated.differences).toEqual([]);
  expect(Object.values(simulated.faults).every((count) => count >= 1)).toBe(true);
}, 180_000);
