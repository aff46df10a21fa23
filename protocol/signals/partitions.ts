import { composeRoomId, routeOfRoom } from '../ids/index.ts';

/** Rooms are owned in so many parts, each by one process of the role `interaction`. */
export const signalPartitions = 64;

/** Name of the lease of a partition, and of the group of those who take partitions. */
export const interactionGroup = 'interaction';

/** People that a node names in one report of one room; more come with the next ones. */
export const attendanceNamesMax = 1000;

export function partitionOfRoom(roomId: number): number {
  return routeOfRoom(roomId) % signalPartitions;
}

/** All rooms of a host lie in one. */
export function partitionOfHost(hostId: number): number {
  return partitionOfRoom(composeRoomId(hostId, 1));
}

/** What a partition is called on the ring of those who serve `InteractionService`: its owner is the first there. */
export function ringKeyOfPartition(partition: number): string {
  return `${interactionGroup}/${partition}`;
}

/** Control and money signals, by room; what is acknowledged stands there. */
export const signalTopic = { name: 'room-signals', partitions: 16, retentionMs: 86_400_000 } as const;
