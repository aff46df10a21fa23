import type { Dictionary, Word } from './en.ts';

export type { Dictionary, Word } from './en.ts';
export const languages = ['en', 'zh'] as const;
export type Language = (typeof languages)[number];

/** Only the language that is shown is fetched. */
export function loadDictionary(language: Language): Promise<Dictionary> {
  if (language === 'zh') return import('./zh.ts').then(({ zh }) => zh);
  return import('./en.ts').then(({ en }) => en);
}

export type Values = Readonly<Record<string, string | number>>;

/** The text of a word, its `{names}` filled in; an unknown name stays as it is. */
export function say(dictionary: Dictionary, word: Word, values: Values = {}): string {
  return dictionary[word].replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
}

/** Words for the code of a failed call. */
export function explain(dictionary: Dictionary, code: string): string {
  const word = `error.${code}`;
  return say(dictionary, word in dictionary ? (word as Word) : 'error.other', { code });
}

/** The first language of the browser that we have; English when there is none. */
export function chooseLanguage(kept: string | null, wanted: readonly string[]): Language {
  const candidates = kept === null ? wanted : [kept, ...wanted];
  for (const candidate of candidates) {
    const language = languages.find((language) => candidate.toLowerCase().split('-')[0] === language);
    if (language) return language;
  }
  return 'en';
}

/** 1,284 → "1.3K" (en), 12,840 → "1.3万" (zh); the exact number belongs into a tooltip. */
export function formatCount(language: Language, count: number): string {
  return new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 }).format(count);
}

/** Milliseconds as a clock: `4:09`, `1:02:03`, `27:00:00`; a clock that is behind shows zero. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  const pad = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = pad(seconds % 60);
  return hours > 0 ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`;
}
