import { expect, test } from 'vitest';
import { CodedError, hasCode, invariant } from './index.ts';

const table = { ROOM_GONE: { http: 404, grpc: 5, message: 'the room is gone' } } as const;

test('a coded error carries its statuses, its detail and its cause', () => {
  const cause = new Error('socket closed');
  const error = new CodedError(table, 'ROOM_GONE', { cause, detail: 'room 7' });
  expect(error).toMatchObject({ code: 'ROOM_GONE', http: 404, grpc: 5, cause });
  expect(error.message).toBe('the room is gone: room 7');
});

test('hasCode matches codes and refuses foreign errors', () => {
  const error = new CodedError(table, 'ROOM_GONE');
  expect(hasCode(error, 'ROOM_GONE')).toBe(true);
  expect(hasCode(error, 'OTHER')).toBe(false);
  expect(hasCode(new Error('ROOM_GONE'))).toBe(false);
});

test('invariant throws only when it is broken', () => {
  expect(() => invariant(true, 'fine')).not.toThrow();
  expect(() => invariant(false, 'a is b')).toThrow('invariant broken: a is b');
});
