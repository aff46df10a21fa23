import type { RoomRole } from '@gala/protocol/signals';

/** Who the reader is in this room. */
export interface Me {
  /** 0: has not signed in. */
  readonly userId: number;
  readonly name: string;
  readonly role: RoomRole;
}

export const nobody: Me = { userId: 0, name: '', role: 'viewer' };

/**
 * What the gateway's ticket says of its bearer, for what is shown: it is the server's business to check it, and
 * whoever changes it here sees buttons that are refused.
 */
export function readTicket(ticket: string): Me {
  try {
    const body = (ticket.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(body), (char) => char.charCodeAt(0));
    const { sub, name, role } = JSON.parse(new TextDecoder().decode(bytes)) as Claims;
    return { userId: sub, name, role };
  } catch {
    return nobody;
  }
}

interface Claims {
  readonly sub: number;
  readonly name: string;
  readonly role: RoomRole;
}
