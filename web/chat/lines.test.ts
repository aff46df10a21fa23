import { describe, expect, test } from 'vitest';
import type { Author, CommentSignal, Signal } from '@gala/protocol/signals';
import { LineList, linesMax, type ChatLine } from './lines.ts';

const ana: Author = { userId: 7, name: 'ana', role: 'viewer' };
let offset = 0;

function comment(text: string, more: Partial<CommentSignal> = {}): CommentSignal {
  offset += 1;
  const base = { class: 'member', offset, atMs: 1_790_000_000_000, signalId: `c${offset}` } as const;
  return { ...base, type: 'comment', author: ana, text, count: 1, ...more };
}

const control = (signal: object): Signal =>
  ({ class: 'control', offset: ++offset, atMs: 0, signalId: '', ...signal }) as Signal;
const retract = (retracted: string): Signal => control({ type: 'retract', retracted });

function listOf(...signals: readonly Signal[]): LineList {
  const list = new LineList();
  list.add(signals);
  return list;
}

const wordsOf = (lines: readonly ChatLine[]): string[] =>
  lines.map((line) => ('text' in line ? line.text : line.kind));

test('the newest lines are kept, and no more than the bound', () => {
  const list = listOf(...Array.from({ length: linesMax + 30 }, (_, index) => comment(`${index}`)));
  expect(list.shown).toHaveLength(linesMax);
  expect(wordsOf(list.shown).at(0)).toBe('30');
  expect(wordsOf(list.shown).at(-1)).toBe(`${linesMax + 29}`);
});

test('what shows nothing leaves the list as it was', () => {
  const list = listOf(comment('one'));
  const before = list.shown;
  list.add([control({ type: 'like', count: 3 }), retract('nobody'), control({ type: 'notice', name: 'x' })]);
  expect(list.shown).toBe(before);
});

describe('what is taken back', () => {
  test('is marked, also in the batch that brought it', () => {
    const said = comment('rude');
    const list = listOf(said, comment('kind'), retract(said.signalId));
    expect(list.shown).toMatchObject([{ isRetracted: true }, { isRetracted: false }]);
  });

  test('goes for all that a muted user said, when the mute says so', () => {
    const other = comment('kind', { author: { ...ana, userId: 8 } });
    const mute = { type: 'mute', userId: 7, untilMs: 0 };
    const list = listOf(comment('rude'), other, control({ ...mute, removes: false }));
    expect(list.shown).toMatchObject([{ isRetracted: false }, { isRetracted: false }]);
    list.add([control({ ...mute, removes: true })]);
    expect(list.shown).toMatchObject([{ isRetracted: true }, { isRetracted: false }]);
  });
});

describe('while the reader looks back', () => {
  test('nothing moves, and what comes waits beside, counted', () => {
    const list = listOf(comment('one'));
    list.hold();
    const before = list.shown;
    list.add(Array.from({ length: linesMax + 5 }, () => comment('more')));
    expect(list.shown).toBe(before);
    expect(list.waitingCount).toBe(linesMax + 5);
    list.release();
    expect(list.shown).toHaveLength(linesMax);
    expect(list.waitingCount).toBe(0);
  });

  test('what is taken back is taken back from both', () => {
    const [seen, waiting] = [comment('seen'), comment('waiting')];
    const list = listOf(seen);
    list.hold();
    list.add([waiting]);
    list.add([retract(seen.signalId), retract(waiting.signalId)]);
    expect(list.shown).toMatchObject([{ isRetracted: true }]);
    list.release();
    expect(list.shown).toMatchObject([{ isRetracted: true }, { isRetracted: true }]);
  });

  test('speaking leads back to the newest', () => {
    const list = listOf(comment('one'));
    list.hold();
    list.add([comment('two')]);
    list.addOwn('three');
    expect(wordsOf(list.shown)).toEqual(['one', 'two', 'three']);
    expect(list.isHeld).toBe(false);
  });
});

describe('what is said here', () => {
  test.each(['answer first', 'line first'])('is there once, with the %s', (order) => {
    const list = new LineList();
    list.userId = 7;
    const key = list.addOwn('hello');
    const said = comment('hello');
    const answer = (): void => list.settleOwn(key, { kind: 'sent' }, said.signalId);
    if (order === 'answer first') answer();
    list.add([said]);
    if (order === 'line first') answer();
    expect(list.shown).toMatchObject([{ kind: 'comment', text: 'hello', isOwn: true }]);
  });

  test('stays when the room folded it into what another said, or shows it to nobody else', () => {
    const list = new LineList();
    list.settleOwn(list.addOwn('hello'), { kind: 'sent' }, 'folded');
    expect(list.shown).toMatchObject([{ kind: 'own', state: { kind: 'sent' } }]);
  });

  test('waits for a moderator, and is replaced when he agrees', () => {
    const list = new LineList();
    const said = comment('hello');
    list.settleOwn(list.addOwn('hello'), { kind: 'held' }, said.signalId);
    expect(list.shown).toMatchObject([{ kind: 'own', state: { kind: 'held' } }]);
    list.add([said]);
    expect(list.shown).toMatchObject([{ kind: 'comment' }]);
  });

  test('is refused with its reason, and can be let go', () => {
    const list = new LineList();
    const key = list.addOwn('hello');
    list.settleOwn(key, { kind: 'refused', code: 'MUTED', retryAtMs: 0 });
    expect(list.shown).toMatchObject([{ text: 'hello', state: { code: 'MUTED' } }]);
    list.remove(key);
    expect(list.shown).toEqual([]);
  });
});

test('what is lost for good is a line of its own', () => {
  const list = listOf(comment('one'));
  list.addGap(12);
  list.addGap(undefined);
  expect(list.shown).toMatchObject([{}, { kind: 'gap', count: 12 }, { kind: 'gap', count: undefined }]);
});
