const entry = (http: number, grpc: number, message: string) => ({ http, grpc, message }) as const;

/** What moving a logical shard may answer; callers match the codes. */
export const shardErrors = {
  SHARD_MOVING: entry(409, 9, 'the shard is being moved already'),
  SHARD_BUSY: entry(503, 14, 'the shard could not be fenced in time, it stays where it is'),
  SHARD_MISFIT: entry(500, 9, 'the shard cannot be moved to this database'),
} as const;
