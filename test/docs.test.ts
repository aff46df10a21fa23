import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { changeErrors } from '@gala/lib/changes';
import { configErrors } from '@gala/lib/config';
import { collectionsErrors } from '@gala/lib/collections';
import { coordErrors } from '@gala/lib/coord';
import { eventLogErrors } from '@gala/lib/eventlog';
import type { ErrorTable } from '@gala/lib/error';
import { httpErrors } from '@gala/lib/http';
import { recordErrors } from '@gala/lib/records';
import { shardErrors } from '@gala/lib/shards';
import { sqlErrors } from '@gala/lib/sql';
import { protocolErrors } from '@gala/protocol/errors';
import { operations, type Operation } from '@gala/protocol/rest';
import { describe, expect, test } from 'vitest';
import { cliErrors } from '../cli/errors.ts';
import { startTestEdge } from '../services/access/edge/testing-edge.ts';
import { decide, roomEvents, roomStates } from '../services/application/room/state.ts';
import { documentedMetrics } from './documented-metrics.ts';

/**
 * Goal: the tables of the pages say what the tables of the code say.
 * Method: the rows of a page are read back and compared with the code, in both directions.
 */
const rowsOf = (page: string, row: RegExp): string[][] => {
  const text = readFileSync(join(import.meta.dirname, '../docs', page), 'utf8');
  return [...text.matchAll(row)].map(([, ...cells]: (string | undefined)[]) =>
    cells.map((cell) => cell ?? ''),
  );
};

describe('docs/errors.md', () => {
  const rows = rowsOf('errors.md', /^\| `([A-Z_]+)` \| (\d+) \| (\d+) \| ([^|]+) \| ([^|]+) \|$/gm);
  const complete: ErrorTable = {
    ...protocolErrors,
    ...cliErrors,
    ...configErrors,
    ...sqlErrors,
    ...changeErrors,
    ...shardErrors,
    ...coordErrors,
    ...recordErrors,
    ...collectionsErrors,
    ...eventLogErrors,
  };
  /** Those of a listener that answer requests stand under the protocol's codes. */
  const known: ErrorTable = { ...httpErrors, ...complete };

  test('has every code of the tables once', () => {
    const codes = rows.map(([code]) => code);
    expect(codes).toHaveLength(new Set(codes).size);
    expect(Object.keys(complete).filter((code) => !codes.includes(code))).toEqual([]);
  });

  test.each(rows)('says of %s what its table says', (code, http, grpc, message) => {
    expect({ http: Number(http), grpc: Number(grpc), message }).toEqual(known[code]);
  });
});

test('docs/access.md lists the operations of /v1, who may call them and by which scope', () => {
  const rows = rowsOf('access.md', /^\| `([A-Z]+ \/v1\S*)` \| (\w+) \| (?:`([\w:]+)` )?\|/gm);
  expect(rows).toEqual(
    Object.values<Operation>(operations).map(({ method, path, access, scope = '' }) => [
      `${method} ${path}`,
      access,
      scope,
    ]),
  );
});

test('docs/application.md tells the life of a room, transition by transition', () => {
  const cells = roomStates.map(() => '([^|]+) \\|').join(' ');
  const rows = rowsOf('application.md', new RegExp(`^\\| \`(\\w+)\`: [^|]+ \\| ${cells}$`, 'gm'));
  const cell = ({ to, order }: ReturnType<typeof decide>): string => (order === 'stop' ? `${to} ✕` : to);
  expect(rows).toEqual(
    roomEvents.map((event) => [event, ...roomStates.map((state) => cell(decide(state, event)))]),
  );
});

test('docs/operating.md has every metric of an edge', async () => {
  await using edge = await startTestEdge();
  const documented = documentedMetrics();
  const names = (await edge.metricNames()).filter((name) => name.startsWith('gala_'));
  expect(names.length).toBeGreaterThan(50);
  expect(names.filter((name) => !documented.some(({ matches }) => matches(name)))).toEqual([]);
});
