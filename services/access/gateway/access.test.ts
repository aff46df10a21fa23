import { composeRoomId } from '@gala/protocol/ids';
import { operations, type OperationName, type Room } from '@gala/protocol/rest';
import { describe, expect, test } from 'vitest';
import * as access from './access.ts';
import type { Caller } from './call.ts';

const caller = (over: Partial<Caller>): Caller => ({
  userId: 7,
  name: 'seven',
  roles: ['viewer'],
  scopes: [],
  csrfToken: '',
  expiresAtMs: undefined,
  credentials: { token: 't', via: 'bearer' },
  ...over,
});

const viewer = caller({});
const host = caller({ roles: ['viewer', 'host'] });
const operator = caller({ userId: 0, roles: ['operator'] });

const allowed = (name: OperationName, who: Caller): boolean => {
  try {
    access.checkAccess(operations[name], who);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'FORBIDDEN', http: 403 });
    return false;
  }
};

test('roles open operations', () => {
  const table = (['getSession', 'createRoom', 'createHost'] as const).map((name) => [
    allowed(name, viewer),
    allowed(name, host),
    allowed(name, operator),
  ]);
  expect(table).toEqual([
    [true, true, true],
    [false, true, true],
    [false, false, true],
  ]);
});

test('scopes narrow what roles open, and operations without a scope are closed to scoped tokens', () => {
  const scoped = caller({ roles: ['host'], scopes: ['rooms:write'] });
  expect(allowed('createRoom', scoped)).toBe(true);
  expect(allowed('rotateStreamKey', scoped)).toBe(false);
  expect(allowed('setPassword', scoped)).toBe(false);
  expect(allowed('createRoom', caller({ scopes: ['rooms:write'] })), 'a scope is no role').toBe(false);
});

test('a token never grants more than its own scopes', () => {
  const scoped = caller({ scopes: ['tokens:write', 'rooms:read'] });
  expect(() => access.checkGrantedScopes(scoped, ['rooms:read'])).not.toThrow();
  expect(() => access.checkGrantedScopes(scoped, ['rooms:write'])).toThrow(/its own scopes/);
  expect(() => access.checkGrantedScopes(scoped, []), 'no scopes means all of them').toThrow(
    /its own scopes/,
  );
  expect(() => access.checkGrantedScopes(viewer, [])).not.toThrow();
});

describe('rooms', () => {
  const roomId = composeRoomId(7, 1);
  const room = { roomId, hostId: 7, visibility: 'private' } as Room;
  const stranger = caller({ userId: 8, roles: ['host'] });

  test('a host acts on his own, an operator on all', () => {
    expect(() => access.checkOwnRoom(host, roomId)).not.toThrow();
    expect(() => access.checkOwnRoom(operator, roomId)).not.toThrow();
    expect(() => access.checkOwnRoom(stranger, roomId)).toThrow(/not yours/);
  });

  test('a private room is for its host and operators, a public one for everyone', () => {
    for (const who of [host, operator]) expect(() => access.checkMayWatch(who, room)).not.toThrow();
    const narrow = caller({ roles: ['host'], scopes: ['hosts:write'] });
    for (const who of [stranger, narrow, undefined]) {
      expect(() => access.checkMayWatch(who, room)).toThrow(
        expect.objectContaining({ code: 'ROOM_PRIVATE' }),
      );
      expect(() => access.checkMayWatch(who, { ...room, visibility: 'public' })).not.toThrow();
    }
  });

  test('the operator token is no user', () => {
    expect(() => access.ownUserId(operator)).toThrow(/no account/);
    expect(access.ownUserId(host)).toBe(7);
  });
});
