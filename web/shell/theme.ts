export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const key = 'gala.theme';

export function readTheme(): Theme {
  const kept = readKept(key);
  return themes.find((theme) => theme === kept) ?? 'system';
}

/** Puts the chosen colours on the page, before anything is drawn. */
export function applyTheme(theme: Theme = readTheme()): void {
  const { dataset } = document.documentElement;
  if (theme === 'system') delete dataset['theme'];
  else dataset['theme'] = theme;
}

export function keepTheme(theme: Theme): void {
  keep(key, theme);
  applyTheme(theme);
}

/** Storage may be forbidden (private windows, policies): the choice then lasts as long as the page. */
export function readKept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // The choice is applied all the same.
  }
}
