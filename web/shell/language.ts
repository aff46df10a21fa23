import { chooseLanguage, type Language } from '../words/index.ts';
import { keep, readKept } from './theme.ts';

const key = 'gala.language';

/** What the reader chose here, else what the browser asks for. */
export function readLanguage(): Language {
  return chooseLanguage(readKept(key), navigator.languages);
}

export function keepLanguage(language: Language): void {
  keep(key, language);
}
