import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Folded } from './fold.ts';
import { isWord, WordFilter, type WordRule } from './words.ts';

const filterOf = (...words: readonly (string | WordRule)[]) =>
  WordFilter.build(words.map((word) => (typeof word === 'string' ? { word, action: 'mask' } : word)));

test('a word is found in any case, width, accent and with anything between its letters', async () => {
  const filter = await filterOf('spam', '敏感词', 'Köln');
  const hidden = [
    'SpAm',
    'ｓｐａｍ',
    's.p.a.m',
    's p-a_m',
    's\u200bp\u2060am',
    'ṡp̈am',
    '𝐬𝐩𝐚𝐦',
    '敏 感*词',
    'KOLN',
    'ko\u0308ln',
  ];
  for (const text of hidden) expect(filter.apply(text).action, text).toBe('mask');
  for (const text of ['spa m8', 'span', '敏感', 'kol'])
    expect(filter.apply(text).action, text).toBeUndefined();
});

test('a word is the whole word unless it says otherwise; scripts without spaces know no whole words', async () => {
  const filter = await filterOf('ass', '*bad*', 'pre*', '*end', '词');
  const found = (text: string) => filter.apply(text).action === 'mask';
  for (const text of ['ass', 'you ass!', '我ass你', 'abadb', 'prefix', 'the end', 'weekend', '生词本']) {
    expect(found(text), text).toBe(true);
  }
  for (const text of ['class', 'assume', 'as sume', 'pass', '7ass', 'apre', 'ending', 'b a da']) {
    expect(found(text), text).toBe(text === 'b a da');
  }
});

test('masked is every character of the word and nothing else', async () => {
  const filter = await filterOf('spam', 'ham', '*mha*', '词', '🤬');
  expect(filter.apply('a s p-a m, ok').text).toBe('a * *** *, ok');
  expect(filter.apply('𝐬𝐩𝐚𝐦 spam').text).toBe('**** ****');
  expect(filter.apply('spamham').text).toBe('spa**am'.replace('a**a', 'a***'));
  expect(filter.apply('生词').text).toBe('生*');
  expect(filter.apply('well 🤬').text).toBe('well *');
});

test('the sternest action wins; a list with one word twice takes the sterner', async () => {
  const filter = await filterOf(
    { word: 'bad', action: 'mask' },
    { word: 'worse', action: 'hold' },
    { word: 'worst', action: 'refuse' },
    { word: 'BAD', action: 'hold' },
  );
  expect(filter.apply('bad').action).toBe('hold');
  expect(filter.apply('worse worst bad').action).toBe('refuse');
  expect(filter.apply('fine')).toEqual({ action: undefined, text: 'fine' });
});

test('what folds to nothing is no word', async () => {
  for (const word of ['', '  ', '...', '***', '\u200b', 'x'.repeat(65)])
    expect(isWord(word), word).toBe(false);
  for (const word of ['a', '词', '🤬', 'c++', '*x*']) expect(isWord(word), word).toBe(true);
  expect((await filterOf('...')).apply('...').action).toBeUndefined();
});

/** Any code points, lone surrogates too. */
const anyText = (maxLength: number) =>
  fc
    .array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength })
    .map((points) => String.fromCodePoint(...points));

/** Every pattern at every place. */
function naive(words: readonly string[], text: string): boolean {
  const folded = (each: string) => {
    const read = new Folded().read(each);
    return String.fromCharCode(...read.units.subarray(0, read.length));
  };
  return words.some((word) => folded(text).includes(folded(word)));
}

test('finds what looking for each word at each place finds', async () => {
  const letters = fc.constantFrom('a', 'b', 'A', '词', '感', '.', ' ', 'é', 'ﬁ', '🤬');
  const word = fc.string({ unit: letters, minLength: 1, maxLength: 6 }).filter(isWord);
  const lists = fc.array(word, { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(lists, fc.string({ unit: letters, maxLength: 60 }), async (words, text) => {
      const filter = await filterOf(...words.map((each) => `*${each}*`));
      const { action, text: shown } = filter.apply(text);
      expect(action === 'mask').toBe(naive(words, text));
      if (action === undefined) expect(shown).toBe(text);
      else expect(shown.replaceAll('*', '')).not.toBe(text);
    }),
    { numRuns: 300 },
  );
});

test('any text is read within its bounds', () => {
  fc.assert(
    fc.property(anyText(300), (text) => {
      const folded = new Folded().read(text);
      for (let at = 0; at < folded.length; at++) {
        const [start, end] = [folded.starts[at], folded.ends[at]];
        if (start >= end || end > text.length) throw new Error(`unit ${at} is of ${start} to ${end}`);
      }
      expect(new Folded().read(text).hash()).toBe(folded.hash());
    }),
  );
  expect(new Folded().read('\ufdfa'.repeat(2000)).length).toBeLessThanOrEqual(4096);
});

test('ten thousand words are built in short steps and all found', async () => {
  const words = Array.from({ length: 10_000 }, (_, at) => `w${at.toString(36)}x词${at % 97}`);
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  const filter = await filterOf(...words);
  clearInterval(counting);
  expect(turns).toBeGreaterThan(5);
  expect(filter.size).toBe(10_000);
  const found = words.filter((word) => filter.apply(`so ${word.toUpperCase()} it is`).action === 'mask');
  expect(found).toHaveLength(10_000);
});
