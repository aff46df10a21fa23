export { decodeChange, type Change, type ChangeKind } from './change.ts';
export { changeErrors } from './errors.ts';
export { followChanges, type FollowEvent, type FollowOptions } from './follow.ts';
export { openSnapshotAndFeed, type SnapshotAndFeed } from './one-off.ts';
export type { Message, Relation, Row, Value } from './pgoutput.ts';
export { startChangeReaders, type ChangeReaderOptions } from './reader.ts';
export { formatLsn, parseLsn, type Replication } from './replication.ts';
export type { Feed } from './session.ts';
export { dropPublication, ensurePublication, feedPosition, markMove, type PublishedTable } from './slot.ts';
