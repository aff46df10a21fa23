import * as fc from 'fast-check';
import { operations, type OperationName } from '@gala/protocol/rest';
import { expect, test } from 'vitest';
import { Router } from './router.ts';

const router = new Router<OperationName>(operations);

test('every operation is found by its own path, with its parameters', () => {
  for (const [name, { method, path }] of Object.entries(operations)) {
    const match = router.match(method, path.replaceAll(/\{\w+\}/g, '7'));
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => [parameter, '7']);
    expect(match).toMatchObject({ kind: 'operation', route: { name }, params: Object.fromEntries(names) });
  }
});

test('HEAD goes where GET goes', () => {
  expect(router.match('HEAD', '/v1/rooms')).toMatchObject({ route: { name: 'listLiveRooms' } });
});

test('a known path tells its methods, an unknown one is unknown', () => {
  const wrong = router.match('DELETE', '/v1/rooms');
  expect(wrong.kind === 'wrong-method' && wrong.routes.map((route) => route.operation.method).sort()).toEqual(
    ['GET', 'POST'],
  );
  for (const path of [
    '/',
    '/v1',
    '/v1/',
    '/v1/rooms/',
    '/v1/rooms/7/',
    '/v1/rooms//enter',
    '/v1/rooms/7/end/x',
  ]) {
    expect(router.match('GET', path), path).toEqual({ kind: 'unknown' });
  }
});

test('a literal segment wins over a parameter, and gives way where it leads nowhere', () => {
  const shape = { summary: '', access: 'anyone', status: 200, method: 'GET' } as const;
  const table = new Router({
    literal: { ...shape, path: '/a/me' },
    parameter: { ...shape, path: '/a/{id}' },
    below: { ...shape, path: '/a/{id}/b' },
  });
  expect(table.match('GET', '/a/me')).toMatchObject({ route: { name: 'literal' } });
  expect(table.match('GET', '/a/you')).toMatchObject({ route: { name: 'parameter' }, params: { id: 'you' } });
  expect(table.match('GET', '/a/me/b')).toMatchObject({ route: { name: 'below' }, params: { id: 'me' } });
});

test('no path throws', () => {
  const segment = fc.oneof(
    fc.string(),
    fc.constantFrom('v1', 'rooms', 'hosts', 'me', 'enter', '__proto__', ''),
  );
  fc.assert(
    fc.property(fc.constantFrom('GET', 'POST', 'constructor'), fc.array(segment), (method, segments) => {
      expect(['operation', 'wrong-method', 'unknown']).toContain(
        router.match(method, `/${segments.join('/')}`).kind,
      );
    }),
  );
});
