import { expect, test } from 'vitest';
import { openRules } from '@gala/protocol/signals';
import {
  commentLengthMax,
  composerState,
  lengthOf,
  obstacleAfter,
  remainingOf,
  type ComposerInput,
} from './composer.ts';

const ready: ComposerInput = {
  text: 'hello',
  isOpen: true,
  rules: openRules,
  role: 'viewer',
  obstacle: undefined,
  nowMs: 10_000,
};

test('characters are counted as the server does, and shown when they begin to matter', () => {
  expect(lengthOf('  🎉🎉 é ')).toBe(4);
  expect(remainingOf('a'.repeat(149))).toBeUndefined();
  expect(remainingOf('a'.repeat(150))).toBe(50);
  expect(remainingOf('🎉'.repeat(203))).toBe(-3);
});

test.each<[string, Partial<ComposerInput>, object]>([
  ['something to say', {}, { kind: 'ready' }],
  ['nothing to say', { text: '   ' }, { kind: 'unready' }],
  ['as much as may be', { text: '界'.repeat(commentLengthMax) }, { kind: 'ready' }],
  ['too much', { text: '界'.repeat(commentLengthMax + 1) }, { kind: 'unready' }],
  ['no connection', { isOpen: false }, { kind: 'offline' }],
  ['a closed chat', { rules: { ...openRules, isClosed: true } }, { kind: 'blocked', code: 'CHAT_CLOSED' }],
  [
    'a closed chat for its host',
    { rules: { ...openRules, isClosed: true }, role: 'host' },
    { kind: 'ready' },
  ],
  [
    'a wait',
    { obstacle: { code: 'SLOW_MODE', untilMs: 12_500 } },
    { kind: 'blocked', code: 'SLOW_MODE', seconds: 3 },
  ],
  ['a wait that is over', { obstacle: { code: 'SLOW_MODE', untilMs: 10_000 } }, { kind: 'ready' }],
  ['a mute for good', { obstacle: { code: 'MUTED', untilMs: 0 } }, { kind: 'blocked', seconds: undefined }],
])('%s', (_, input, state) => {
  expect(composerState({ ...ready, ...input })).toMatchObject(state);
});

test('a refusal of the text itself does not stand in the way of another text', () => {
  expect(obstacleAfter('WORD_REFUSED', 0, 10_000)).toBeUndefined();
  expect(obstacleAfter('TOO_FAST', 1_500, 10_000)).toEqual({ code: 'TOO_FAST', untilMs: 11_500 });
  expect(obstacleAfter('SIGN_IN_TO_SPEAK', 0, 10_000)).toEqual({ code: 'SIGN_IN_TO_SPEAK', untilMs: 0 });
});
