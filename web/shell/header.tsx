import { useState } from 'react';
import { Brand, Icon } from '../design/icon.tsx';
import { Link } from './link.tsx';
import type { Route } from './route.ts';
import { keepTheme, readTheme, themes, type Theme } from './theme.ts';
import { useWords } from './words.tsx';

export function Header({ page }: { readonly page: Route['page'] }) {
  const { t } = useWords();
  return (
    <header className="header">
      <div className="header-inner">
        <Link to="/" className="brand" aria-label={t('nav.home')} data-testid="brand">
          <Brand />
          <span>Gala</span>
        </Link>
        <nav aria-label={t('nav.menu')} className="nav">
          <Link to="/" className="nav-link nav-live" aria-current={page === 'home' ? 'page' : undefined}>
            {t('nav.live')}
          </Link>
        </nav>
        <div className="header-tools">
          <LanguageSwitch />
          <ThemeSwitch />
          <Link
            to="/host"
            className="button primary small"
            aria-current={page === 'host' ? 'page' : undefined}
            data-testid="nav-host"
          >
            <Icon name="broadcast" />
            <span>{t('nav.host')}</span>
          </Link>
        </div>
      </div>
    </header>
  );
}

function LanguageSwitch() {
  const { t, language, setLanguage } = useWords();
  return (
    <button
      className="button quiet small"
      onClick={() => setLanguage(language === 'en' ? 'zh' : 'en')}
      aria-label={t('language.switch')}
      title={t('language.switch')}
      lang={language === 'en' ? 'zh-CN' : 'en'}
      data-testid="language-switch"
    >
      {t('language.short')}
    </button>
  );
}

const themeIcons = { system: 'contrast', light: 'sun', dark: 'moon' } as const;

function ThemeSwitch() {
  const { t } = useWords();
  const [theme, setTheme] = useState<Theme>(readTheme);
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
  const label = t('theme.switch', { theme: t(`theme.${theme}`) });
  const change = (): void => {
    keepTheme(next);
    setTheme(next);
  };
  return (
    <button
      className="button quiet small icon-only"
      onClick={change}
      aria-label={label}
      title={label}
      data-testid="theme-switch"
    >
      <Icon name={themeIcons[theme]} />
    </button>
  );
}
