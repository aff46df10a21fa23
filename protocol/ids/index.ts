/**
 * Ids carry their routing (overview.md, "Identity and sharding"):
 * `userId` = region (5 bits) · number (28 bits); a host is a user, so `hostId` is the userId;
 * `roomId` = hostId · session (20 bits). 53 bits together: a safe integer, split by division, never by shifts.
 */
export const regionCount = 2 ** 5;
export const numberCount = 2 ** 28;
export const sessionCount = 2 ** 20;
/** Logical shards of a region. */
export const shardCount = 1024;

export const userIdMax = regionCount * numberCount - 1;
export const roomIdMax = regionCount * numberCount * sessionCount - 1;

export interface RoomIdParts {
  readonly hostId: number;
  /** 1 for the host's first session. */
  readonly session: number;
}

export function composeUserId(region: number, number: number): number {
  assertBelow(region, regionCount, 'region');
  assertBelow(number, numberCount, 'number');
  return region * numberCount + number;
}

export function composeRoomId(hostId: number, session: number): number {
  assertBelow(hostId, regionCount * numberCount, 'hostId');
  assertBelow(session, sessionCount, 'session');
  return hostId * sessionCount + session;
}

export function splitRoomId(roomId: number): RoomIdParts {
  assertBelow(roomId, roomIdMax + 1, 'roomId');
  return { hostId: Math.floor(roomId / sessionCount), session: roomId % sessionCount };
}

export function hostOfRoom(roomId: number): number {
  return splitRoomId(roomId).hostId;
}

/** The region where the account was registered. */
export function regionOf(userId: number): number {
  assertBelow(userId, userIdMax + 1, 'userId');
  return Math.floor(userId / numberCount);
}

/** Logical shard (0..1023) of a user or host: a hash of the number, so that neighbours spread. */
export function shardOfUser(userId: number): number {
  assertBelow(userId, userIdMax + 1, 'userId');
  return mix32(userId % numberCount) % shardCount;
}

export function shardOfRoom(roomId: number): number {
  return shardOfUser(hostOfRoom(roomId));
}

/** The 32-bit hash of a room's host: `routeOfRoom(id) % of` is its partition in a job of `of` partitions. */
export function routeOfRoom(roomId: number): number {
  return mix32(hostOfRoom(roomId) % numberCount);
}

/** Parses a decimal id out of a URL; undefined for anything that is not one. */
export function parseId(text: string, max: number): number | undefined {
  if (!/^[1-9][0-9]{0,15}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= max ? id : undefined;
}

/** Finalizer of MurmurHash3 (32 bit): every input bit moves about half of the output bits. */
function mix32(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function assertBelow(value: number, bound: number, what: string): void {
  if (!Number.isInteger(value) || value < 0 || value >= bound) {
    throw new RangeError(`${what} ${value} is outside 0..${bound - 1}`);
  }
}
