import type { z } from 'zod';
import type * as shape from './schemas.ts';
import type * as streams from './stream-schemas.ts';

export * as schemas from './schemas.ts';
export type { Access, Operation } from './operation.ts';
export * from './operations.ts';
export { streamOperations } from './stream-operations.ts';

export type Room = z.infer<typeof shape.room>;
export type Host = z.infer<typeof shape.host>;
export type HostMedia = z.infer<typeof shape.hostMedia>;
export type Replay = z.infer<typeof shape.replay>;
export type RecordedRoom = z.infer<typeof shape.recordedRoom>;
export type PlayUrl = z.infer<typeof shape.playUrl>;
export type RoomMedia = z.infer<typeof shape.roomMedia>;
export type PublishTarget = z.infer<typeof shape.publishTarget>;
export type Principal = z.infer<typeof shape.principal>;
export type Session = z.infer<typeof shape.session>;
export type EnterAnswer = z.infer<typeof shape.enterAnswer>;
export type ErrorBody = z.infer<typeof shape.errorBody>;
export type Stream = z.infer<typeof streams.stream>;
export type StreamViewer = z.infer<typeof streams.viewer>;
export type Edge = z.infer<typeof streams.edge>;
export type Span = z.infer<typeof streams.span>;
export type TraceSummary = z.infer<typeof streams.traceSummary>;
