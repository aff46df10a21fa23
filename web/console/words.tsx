import type { ReactNode } from 'react';
import { PartTexts, TextsProvider, useTexts, type Say as SayWords } from '../shell/texts.tsx';
import type { ConsoleWord } from './texts-en.ts';

export type { ConsoleWord } from './texts-en.ts';
export type Say = SayWords<ConsoleWord>;

const texts = new PartTexts<ConsoleWord>({
  en: () => import('./texts-en.ts').then(({ en }) => en),
  zh: () => import('./texts-zh.ts').then(({ zh }) => zh),
});

/** Draws the console once its texts in the language of the page are there. */
export function ConsoleWords({ children }: { readonly children: ReactNode }) {
  return <TextsProvider texts={texts}>{children}</TextsProvider>;
}

export function useConsoleWords(): Say {
  return useTexts(texts);
}
