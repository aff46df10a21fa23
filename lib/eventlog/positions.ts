import { CodedError } from '../error/index.ts';
import { eventLogErrors } from './errors.ts';
import type { LogRecord, Origin, Position } from './types.ts';

/** Where a reader stands that has had the record; it does not keep the record itself. */
export function positionAfter({ partition, offset, producer, sequence, writtenAtMs }: LogRecord): Position {
  return { partition, offset: offset + 1, after: { producer, sequence, writtenAtMs } };
}

/** True unless both are known and differ. */
export function isSameOrigin(one: Origin | undefined, other: Origin | undefined): boolean {
  if (!one || !other) return true;
  return (
    one.sequence === other.sequence &&
    one.writtenAtMs === other.writtenAtMs &&
    one.producer === other.producer
  );
}

/** Errors: LOG_TRIMMED. */
export function assertFollows(position: Position, before: Origin | undefined): void {
  if (!isSameOrigin(position.after, before)) throw setBack(position);
}

/**
 * The log was set back to an older state, as from a backup, and what was written since stands where the reader has
 * been already.
 */
export function setBack({ partition, offset }: Position): CodedError {
  const detail = `partition ${partition} has another record before ${offset} than was read`;
  return new CodedError(eventLogErrors, 'LOG_TRIMMED', { detail });
}
