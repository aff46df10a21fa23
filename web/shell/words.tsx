import { createContext, useContext, useLayoutEffect, useMemo, useState, type ReactNode } from 'react';
import type { ApiError } from '@gala/sdk/room';
import {
  explain,
  loadDictionary,
  say,
  type Dictionary,
  type Language,
  type Values,
  type Word,
} from '../words/index.ts';
import { keepLanguage } from './language.ts';

export interface Speech {
  readonly language: Language;
  readonly t: (word: Word, values?: Values) => string;
  /** What a failed call means to the reader. */
  readonly explain: (error: ApiError) => string;
  readonly setLanguage: (language: Language) => void;
}

export interface Spoken {
  readonly language: Language;
  readonly dictionary: Dictionary;
}

const SpeechContext = createContext<Speech | undefined>(undefined);

interface WordsProviderProps {
  readonly first: Spoken;
  readonly children: ReactNode;
}

export function WordsProvider({ first, children }: WordsProviderProps) {
  const [{ language, dictionary }, setSpoken] = useState(first);
  useLayoutEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  }, [language]);
  const speech = useMemo<Speech>(
    () => ({
      language,
      t: (word, values) => say(dictionary, word, values),
      explain: (error) => explain(dictionary, error.code),
      setLanguage: (next) => {
        keepLanguage(next);
        // A dictionary that cannot be fetched leaves the page in the language that it has.
        loadDictionary(next).then(
          (dictionary) => setSpoken({ language: next, dictionary }),
          () => undefined,
        );
      },
    }),
    [language, dictionary],
  );
  return <SpeechContext value={speech}>{children}</SpeechContext>;
}

/** The language of the page and its texts. */
export function useWords(): Speech {
  const speech = useContext(SpeechContext);
  if (!speech) throw new Error('useWords outside of WordsProvider');
  return speech;
}
