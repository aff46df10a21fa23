import type { ReactNode } from 'react';
import type { ApiError } from '@gala/sdk/room';
import { PartTexts, TextsProvider, useTexts, type Say as SayWords } from '../shell/texts.tsx';
import { useWords } from '../shell/words.tsx';
import type { ModerateWord } from './moderate-words-en.ts';

const texts = new PartTexts<ModerateWord>({
  en: () => import('./moderate-words-en.ts').then(({ en }) => en),
  zh: () => import('./moderate-words-zh.ts').then(({ zh }) => zh),
});

/** Draws the moderation page once its texts in the language of the page are there. */
export function ModerateWords({ children }: { readonly children: ReactNode }) {
  return <TextsProvider texts={texts}>{children}</TextsProvider>;
}

export function useModerateWords(): SayWords<ModerateWord> {
  return useTexts(texts);
}

const explained = ['NOT_MODERATOR', 'USER_UNKNOWN', 'SIGNAL_UNKNOWN'] as const;

/** What a failed call means here; what every page meets is said as everywhere. */
export function useExplain(): (error: ApiError) => string {
  const say = useModerateWords();
  const { explain } = useWords();
  return (error) => {
    if (error.code === 'CHAT_CHANGED') return say('changed');
    const code = explained.find((each) => each === error.code);
    return code ? say(`code.${code}`) : explain(error);
  };
}
