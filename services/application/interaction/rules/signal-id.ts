import { randomBytes } from 'node:crypto';

const pattern = /^([0-9a-z]{1,7})\.[\w-]{11}$/;

/**
 * Names a comment for retraction: who said it, and 64 random bits. That the author is in it lets any owner of the room
 * see who may take it back, also after the one who took the comment is gone. The author is no secret: comments show him.
 */
export function createSignalId(userId: number): string {
  return `${userId.toString(36)}.${randomBytes(8).toString('base64url')}`;
}

/** The user who said it, 0 for one who had not signed in; undefined for what is no such id. */
export function authorOfSignal(signalId: string): number | undefined {
  const author = pattern.exec(signalId)?.[1];
  return author === undefined ? undefined : Number.parseInt(author, 36);
}
