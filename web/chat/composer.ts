import type { RoomRole, RoomRules } from '@gala/protocol/signals';

/** As the server counts: by code points (protocol/signals, `commentLengthMax`). */
export const commentLengthMax = 200;
/** The length is shown when it begins to matter. */
const countShownFrom = 150;

export function lengthOf(text: string): number {
  return Array.from(text.trim()).length;
}

/** How many more there may be, below zero when there are too many; undefined while it does not matter. */
export function remainingOf(text: string): number | undefined {
  const length = lengthOf(text);
  return length < countShownFrom ? undefined : commentLengthMax - length;
}

/** The answer to the last that was said: what stands in the way, and until when by the page's clock (0: no matter when). */
export interface Obstacle {
  readonly code: string;
  readonly untilMs: number;
}

export interface ComposerInput {
  readonly text: string;
  readonly isOpen: boolean;
  readonly rules: RoomRules;
  readonly role: RoomRole;
  readonly obstacle: Obstacle | undefined;
  readonly nowMs: number;
}

export type ComposerState =
  | { readonly kind: 'ready' }
  /** Nothing to send, or too much. */
  | { readonly kind: 'unready' }
  | { readonly kind: 'offline' }
  /** `seconds` to wait; undefined when waiting alone does not help. */
  | { readonly kind: 'blocked'; readonly code: string; readonly seconds: number | undefined };

/** Of these a wait or a sign-in is the cure, so that saying it again before makes no sense. */
const lasting: ReadonlySet<string> = new Set(['MUTED', 'BANNED', 'SIGN_IN_TO_SPEAK', 'KICKED']);

export function composerState(input: ComposerInput): ComposerState {
  const { text, isOpen, rules, role, obstacle, nowMs } = input;
  if (rules.isClosed && role === 'viewer')
    return { kind: 'blocked', code: 'CHAT_CLOSED', seconds: undefined };
  if (obstacle && obstacle.untilMs > nowMs) {
    return { kind: 'blocked', code: obstacle.code, seconds: Math.ceil((obstacle.untilMs - nowMs) / 1000) };
  }
  if (obstacle && obstacle.untilMs === 0 && lasting.has(obstacle.code)) {
    return { kind: 'blocked', code: obstacle.code, seconds: undefined };
  }
  if (!isOpen) return { kind: 'offline' };
  const length = lengthOf(text);
  return { kind: length > 0 && length <= commentLengthMax ? 'ready' : 'unready' };
}

/** What stays in the way after an answer: a wait, or a state of the viewer; nothing for a text that may be changed. */
export function obstacleAfter(code: string, retryAfterMs: number, nowMs: number): Obstacle | undefined {
  if (retryAfterMs > 0) return { code, untilMs: nowMs + retryAfterMs };
  return lasting.has(code) ? { code, untilMs: 0 } : undefined;
}
