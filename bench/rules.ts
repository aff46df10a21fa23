/** What it costs to judge a comment of 200 characters, and to look for 10,000 words in it, beside a RegExp and `includes`. */
import { coarseClock } from '@gala/lib/clock';
import { cleanComment } from '../services/application/interaction/rules/text.ts';
import { defaultLimits, SpeakLimits } from '../services/application/interaction/rules/limits.ts';
import { openRulebook } from '../services/application/interaction/rules/rulebook.ts';
import { Sanctions } from '../services/application/interaction/rules/sanctions.ts';
import { defaultChatSettings } from '../services/application/interaction/rules/settings.ts';
import { WordFilter } from '../services/application/interaction/rules/words.ts';
import { formatSpread, spreadOf, table, type Spread } from './measure.ts';

const wordCount = 10_000;
const rounds = 9;
const roundMs = 150;
/** The promise for one comment of 200 characters and 10,000 words. */
const filterMicrosMax = 25;

const syllables = ['ba', 'do', 'ki', 'lo', 'mer', 'nu', 'sa', 'tor', '敏', '感', '词', '坏'];
/** The same words and comments in each run. */
function* randoms(): Generator<number> {
  for (let state = 1; ; state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) yield state / 2 ** 32;
}

const random = randoms();
const pick = () => syllables[Math.floor(random.next().value * syllables.length)];
const makeWord = () => Array.from({ length: 3 + Math.floor(random.next().value * 3) }, pick).join('');
/** Most of what is said has none of the words; every tenth comment has one. */
const makeComment = (words: readonly string[], at: number) => {
  const plain = '今天的直播真好看 the quick brown fox, jumps over it! '.repeat(6).slice(0, 180);
  return at % 10 === 0 ? `${plain} ${words[at % words.length]}` : `${plain} ${at}`;
};

function microsOf(work: (at: number) => unknown): number {
  const startMs = performance.now();
  let calls = 0;
  for (; performance.now() - startMs < roundMs; calls += 10) for (let at = 0; at < 10; at++) work(calls + at);
  return ((performance.now() - startMs) * 1000) / calls;
}

/** Answers 0 when a comment is looked through within the promise. */
export async function main(): Promise<number> {
  const words = [...new Set(Array.from({ length: wordCount * 2 }, makeWord))].slice(0, wordCount);
  const comments = Array.from({ length: 1000 }, (_, at) => makeComment(words, at));
  const builtMs = performance.now();
  const filter = await WordFilter.build(words.map((word) => ({ word, action: 'mask' })));
  console.log(`\n${words.length} words, automaton built in ${Math.round(performance.now() - builtMs)} ms`);
  const works = worksOf(filter, { words, comments });
  const micros = new Map(Object.keys(works).map((name) => [name, [] as number[]]));
  for (const work of Object.values(works)) microsOf(work);
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of Object.entries(works)) micros.get(name)?.push(microsOf(work));
  }
  const spreads = new Map(Array.from(micros, ([name, values]) => [name, spreadOf(values)]));
  console.log(`Comments of 200 characters, ${rounds} interleaved rounds, median (range):\n`);
  console.log(rulesTable(spreads));
  return (spreads.get('automaton')?.median ?? Infinity) <= filterMicrosMax ? 0 : 1;
}

type Inputs = { readonly words: readonly string[]; readonly comments: readonly string[] };

function worksOf(filter: WordFilter, { words, comments }: Inputs): Record<string, (at: number) => unknown> {
  const expression = new RegExp(words.join('|'), 'u');
  const at = (index: number) => comments[index % comments.length];
  const normal = (index: number) => at(index).normalize('NFKC').toLowerCase();
  const rulebook = freeRulebook(filter);
  return {
    automaton: (index) => filter.apply(at(index)),
    'RegExp of all words': (index) => expression.test(normal(index)),
    '`includes` of each word': (index) => words.some((word) => normal(index).includes(word)),
    'cleaning alone': (index) => cleanComment(at(index)),
    'the whole judgement': (index) =>
      rulebook.judge({
        speaker: {
          userId: 1 + (index % 5000),
          name: 'anna',
          role: 'viewer',
          device: `device-${index % 5000}`,
          address: `10.1.${(index >> 8) % 256}.${index % 256}`,
        },
        signal: { type: 'comment', text: at(index) },
        nowMs: Date.now(),
      }),
  };
}

function freeRulebook(words: WordFilter) {
  const free = { perSecond: 1e6, burst: 1e6 };
  const config = {
    ...defaultLimits,
    commentsPerUser: free,
    commentsPerDevice: free,
    commentsPerAddress: free,
    commentsPerRoom: free,
  };
  return openRulebook({
    settings: { ...defaultChatSettings, links: 'hold', slowModeSeconds: 0 },
    sanctions: new Sanctions([]),
    siteSanctions: new Sanctions([]),
    words,
    moderators: new Set(),
    follows: { sinceMs: () => 0, prepare: () => undefined },
    limits: new SpeakLimits(config, coarseClock),
    clock: coarseClock,
  });
}

function rulesTable(spreads: ReadonlyMap<string, Spread>): string {
  const rows = Array.from(spreads, ([name, spread]) => [name, formatSpread(spread, 1)]);
  return table(['', 'µs a comment'], rows);
}
