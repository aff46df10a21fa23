import type { Position } from './messages.ts';

/** Length of the slots that are read with `cached`: slot `n` has the batches with `floor(atMs / slotMs) = n`. */
export const slotMs = 1000;
/** A slot is there so long after its end, when the last of its batches has come to the nodes; it never changes then. */
export const slotReadyMs = 500;
/** The longest wait of a pull for something new. */
export const pullWaitMsMax = 25_000;

/** What follows a `readUrl` for what a room says after a place; without one: all of its state, and its place. */
export function pullPath(after: Position | undefined, waitMs: number): string {
  const place = after ? `after=${formatPlace(after)}&` : '';
  return `/pull?${place}waitMs=${Math.max(0, Math.min(pullWaitMsMax, Math.round(waitMs)))}`;
}

/** What follows a `readUrl` for what a room said in a slot of time. */
export function slotPath(slot: number): string {
  return `/slots/${slot}`;
}

/** `<epoch>.<offset>.<durable>`. */
export function formatPlace({ epoch, offset, durable }: Position): string {
  return `${epoch}.${offset}.${durable}`;
}

/** Undefined for what is no place. */
export function parsePlace(text: string): Position | undefined {
  const [epoch, offset, durable] =
    /^(\d{1,16})\.(\d{1,16})\.(\d{1,16})$/.exec(text)?.slice(1).map(Number) ?? [];
  const isPlace = [epoch, offset, durable].every((value) => Number.isSafeInteger(value));
  return isPlace ? { epoch, offset, durable } : undefined;
}
