import { CodedError } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import { hostOfRoom } from '@gala/protocol/ids';
import type { Operation, Room } from '@gala/protocol/rest';
import type { Caller } from './call.ts';

/**
 * Who may do what. Roles open an operation (operators: every one), scopes narrow what an API token may
 * do with them, and a host acts on what is his. Private rooms are watched by their host and operators.
 */
export function checkAccess({ access, scope }: Operation, caller: Caller): void {
  if (access === 'host' && !hasRole(caller, 'host')) throw forbidden('this needs the role host');
  if (access === 'operator' && !hasRole(caller, 'operator')) throw forbidden('this needs the role operator');
  if (caller.scopes.length === 0) return;
  if (!scope) throw forbidden('a token with scopes cannot do this');
  if (!caller.scopes.includes(scope)) throw forbidden(`the token lacks the scope ${scope}`);
}

export function isOperator(caller: Pick<Caller, 'roles'>): boolean {
  return caller.roles.includes('operator');
}

function hasRole(caller: Caller, role: string): boolean {
  return caller.roles.includes(role) || isOperator(caller);
}

/** The caller's own user id; FORBIDDEN for the operator token, which stands for no user. */
export function ownUserId(caller: Caller): number {
  if (caller.userId === 0) throw forbidden('the operator token has no account of its own');
  return caller.userId;
}

/** User id of who asks; 0 for the operator token. */
export async function byOf(caller: () => Promise<Caller>): Promise<string> {
  return String((await caller()).userId);
}

export function checkOwnRoom(caller: Caller, roomId: number): void {
  if (hostOfRoom(roomId) !== caller.userId && !isOperator(caller)) throw forbidden('the room is not yours');
}

/** A token cannot make one that may do more than it does itself. */
export function checkGrantedScopes(caller: Caller, scopes: readonly string[]): void {
  if (caller.scopes.length === 0) return;
  const within = scopes.length > 0 && scopes.every((scope) => caller.scopes.includes(scope));
  if (!within) throw forbidden('a token grants at most its own scopes');
}

/** Public rooms are for everyone; ROOM_PRIVATE for others than the host himself and operators. */
export function checkMayWatch(visitor: Caller | undefined, room: Pick<Room, 'hostId' | 'visibility'>): void {
  if (room.visibility === 'public') return;
  const own = visitor !== undefined && (visitor.userId === room.hostId || isOperator(visitor));
  const readable = visitor?.scopes.length === 0 || visitor?.scopes.includes('rooms:read');
  if (!own || !readable) throw new CodedError(protocolErrors, 'ROOM_PRIVATE');
}

function forbidden(detail: string): CodedError {
  return new CodedError(protocolErrors, 'FORBIDDEN', { detail });
}
