import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configErrors } from '@gala/lib/config';
import { coordErrors } from '@gala/lib/coord';
import type { ErrorTable } from '@gala/lib/error';
import { httpErrors } from '@gala/lib/http';
import { sqlErrors } from '@gala/lib/sql';
import { protocolErrors } from '@gala/protocol/errors';
import { expect, test } from 'vitest';
import { cliErrors } from '../cli/errors.ts';

/**
 * Goal: docs/errors.md says of every code what the code's table says of it.
 * Method: the rows of the page are read back and compared with the tables, in both directions.
 */
const page = readFileSync(join(import.meta.dirname, '../docs/errors.md'), 'utf8');
const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (\d+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(
  ([, code = '', http, grpc, message, action]) => ({
    code,
    entry: { http: Number(http), grpc: Number(grpc), message },
    action,
  }),
);

const complete: ErrorTable = {
  ...protocolErrors,
  ...cliErrors,
  ...configErrors,
  ...sqlErrors,
  ...coordErrors,
};
/** Those of a listener that answer requests stand under the protocol's codes. */
const known: ErrorTable = { ...httpErrors, ...complete };

test('every code of the tables stands in the page once', () => {
  const codes = rows.map(({ code }) => code);
  expect(codes).toHaveLength(new Set(codes).size);
  expect(Object.keys(complete).filter((code) => !codes.includes(code))).toEqual([]);
});

test.each(rows)('$code stands there as in its table', ({ code, entry, action }) => {
  expect(known[code]).toEqual(entry);
  expect(action).not.toBe('');
});
