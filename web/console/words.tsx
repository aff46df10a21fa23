import { createContext, use, useContext, type ReactNode } from 'react';
import { useWords } from '../shell/words.tsx';
import type { Language, Values } from '../words/index.ts';
import type { ConsoleWord } from './texts-en.ts';

export type { ConsoleWord } from './texts-en.ts';
export type Say = (word: ConsoleWord, values?: Values) => string;

type Texts = Readonly<Record<ConsoleWord, string>>;

const SayContext = createContext<Say | undefined>(undefined);

const loading = new Map<Language, Promise<Texts>>();

/** Draws the console once its texts in the language of the page are there. */
export function ConsoleWords({ children }: { readonly children: ReactNode }) {
  const { language } = useWords();
  const texts = use(textsOf(language));
  const say: Say = (word, values = {}) =>
    texts[word].replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  return <SayContext value={say}>{children}</SayContext>;
}

/** The console's texts in the language of the page; an unknown `{name}` stays as it is. */
export function useConsoleWords(): Say {
  const say = useContext(SayContext);
  if (!say) throw new Error('useConsoleWords outside of ConsoleWords');
  return say;
}

function textsOf(language: Language): Promise<Texts> {
  const known = loading.get(language) ?? loadTexts(language);
  loading.set(language, known);
  return known;
}

/** English serves everybody when the other language cannot be fetched. */
async function loadTexts(language: Language): Promise<Texts> {
  if (language === 'zh') {
    const chinese = await import('./texts-zh.ts').catch(() => undefined);
    if (chinese) return chinese.zh;
  }
  return (await import('./texts-en.ts')).en;
}
