import { expect, test } from 'vitest';
import { failureCauses } from '../player/state.ts';
import { en } from './en.ts';
import { chooseLanguage, explain, formatCount, formatDuration, loadDictionary, say } from './index.ts';
import { zh } from './zh.ts';

const namesIn = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([name]) => name).sort();

test('both languages have the same words, none of them empty, with the same names to fill in', () => {
  expect(Object.keys(zh)).toEqual(Object.keys(en));
  for (const [word, text] of Object.entries(zh)) {
    expect(text.trim(), word).not.toBe('');
    expect(namesIn(text), word).toEqual(namesIn(en[word as keyof typeof en]));
  }
});

test('every cause of a missing picture has a title and a next step in words', () => {
  for (const cause of failureCauses) {
    expect(en[`cause.${cause}.title`]).not.toBe('');
    expect(en[`cause.${cause}.text`]).not.toBe('');
  }
});

test('names are filled in, unknown ones stay', () => {
  expect(say(en, 'home.total.many', { count: 6 })).toBe('6 rooms on air');
  expect(say(en, 'home.total.many')).toBe('{count} rooms on air');
});

test('a failed call is explained, an unexpected one by its code', () => {
  expect(explain(en, 'CREDENTIALS_WRONG')).toBe('Name or password is wrong.');
  expect(explain(zh, 'USERS_EXHAUSTED')).toContain('USERS_EXHAUSTED');
  expect(explain(en, 'toString')).toContain('toString');
});

test('the language: what was chosen, then what the browser asks for, then English', () => {
  expect(chooseLanguage('zh', ['en-GB'])).toBe('zh');
  expect(chooseLanguage(null, ['fr-FR', 'zh-Hans-CN', 'en'])).toBe('zh');
  expect(chooseLanguage('tlh', ['fr'])).toBe('en');
});

test('a dictionary is loaded by its language', async () => {
  expect(await loadDictionary('zh')).toBe(zh);
  expect(await loadDictionary('en')).toBe(en);
});

test('counts are short, in the way of the language', () => {
  expect([0, 999, 1_284, 3_400_000].map((count) => formatCount('en', count))).toEqual([
    '0',
    '999',
    '1.3K',
    '3.4M',
  ]);
  expect(formatCount('zh', 12_840)).toBe('1.3万');
});

test('durations are clocks', () => {
  expect([-5, 0, 61_000, 3_600_000, 97_203_000].map(formatDuration)).toEqual([
    '0:00',
    '0:00',
    '1:01',
    '1:00:00',
    '27:00:03',
  ]);
});
