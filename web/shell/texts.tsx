import { createContext, use, useContext, useMemo, type Context, type ReactNode } from 'react';
import type { Language, Values } from '../words/index.ts';
import { useWords } from './words.tsx';

type Texts<Word extends string> = Readonly<Record<Word, string>>;
export type Loaders<Word extends string> = Readonly<Record<Language, () => Promise<Texts<Word>>>>;
export type Say<Word extends string> = (word: Word, values?: Values) => string;

/** Texts of a part of the product that is fetched when it is used, so that no other page carries them. */
export class PartTexts<Word extends string> {
  readonly #loaders: Loaders<Word>;
  readonly #loading = new Map<Language, Promise<Texts<Word>>>();
  readonly context: Context<Say<Word> | undefined> = createContext<Say<Word> | undefined>(undefined);

  constructor(loaders: Loaders<Word>) {
    this.#loaders = loaders;
  }

  /** English serves everybody when the other language cannot be fetched. */
  in(language: Language): Promise<Texts<Word>> {
    const known = this.#loading.get(language) ?? this.#loaders[language]().catch(() => this.#loaders.en());
    this.#loading.set(language, known);
    return known;
  }
}

interface TextsProviderProps<Word extends string> {
  readonly texts: PartTexts<Word>;
  readonly children: ReactNode;
}

/** Draws what is in it once its texts in the language of the page are there. */
export function TextsProvider<Word extends string>({ texts, children }: TextsProviderProps<Word>) {
  const { language } = useWords();
  const words = use(texts.in(language));
  const say = useMemo<Say<Word>>(
    () =>
      (word, values = {}) =>
        words[word].replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole)),
    [words],
  );
  return <texts.context value={say}>{children}</texts.context>;
}

/** The part's texts in the language of the page; an unknown `{name}` stays as it is. */
export function useTexts<Word extends string>(texts: PartTexts<Word>): Say<Word> {
  const say = useContext(texts.context);
  if (!say) throw new Error('useTexts outside of its TextsProvider');
  return say;
}
