import type { ReactNode } from 'react';
import { PartTexts, TextsProvider, useTexts, type Say as SayWords } from '../shell/texts.tsx';
import type { ChatWord } from './chat-words-en.ts';

export type { ChatWord } from './chat-words-en.ts';
export type Say = SayWords<ChatWord>;

const texts = new PartTexts<ChatWord>({
  en: () => import('./chat-words-en.ts').then(({ en }) => en),
  zh: () => import('./chat-words-zh.ts').then(({ zh }) => zh),
});

/** Draws the chat once its texts in the language of the page are there. */
export function ChatWords({ children }: { readonly children: ReactNode }) {
  return <TextsProvider texts={texts}>{children}</TextsProvider>;
}

export function useChatWords(): Say {
  return useTexts(texts);
}
