import { coordMigrations } from '@gala/lib/coord';
import { eventlogMigrations } from '@gala/lib/eventlog';
import { startTestPostgres } from '@gala/lib/sql/testing';
import { expect, test } from 'vitest';
import { startRoomProcess } from '../../../../test/harness/room-processes.ts';
import { migrations } from '../store/schema.ts';
import { simulate } from './testing/simulation.ts';

const soak = Boolean(process.env['GALA_SOAK']);
const seed = Number(process.env['GALA_SEED'] ?? 20_261_121);

test(
  `replicas are equal to the databases after random changes with a feed that fails (seed ${seed})`,
  async () => {
    await using postgres = await startTestPostgres({
      sets: [coordMigrations, eventlogMigrations, ...migrations],
    });
    const { urls } = postgres;
    const startReader = () => startRoomProcess({ name: 'reader', urls, isReader: true, replicas: 0 });
    const changes = soak ? 100_000 : 3000;
    const simulated = await simulate({ postgres, seed, changes, replicas: 3, startReader });
    console.log(JSON.stringify(simulated, undefined, 1));
    expect(simulated.differences).toEqual([]);
    expect(simulated.changes).toBeGreaterThanOrEqual(changes);
    expect(Object.values(simulated.faults).reduce((a, b) => a + b)).toBeGreaterThan(5);
  },
  soak ? 1_800_000 : 60_000,
);
