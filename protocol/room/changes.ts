/**
 * Changes of the rows of rooms, from all databases, in order for each shard: what the room service tells on
 * (docs/application.md, "Rooms on air"). A record is a change of `lib/changes` of the table `room`.
 */
export const roomTopic = { name: 'room.changes', partitions: 16, retentionMs: 3_600_000 } as const;
