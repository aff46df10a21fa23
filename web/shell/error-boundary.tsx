import { Component, type ReactNode } from 'react';
import { Notice } from '../design/notice.tsx';
import { useWords } from './words.tsx';

interface Props {
  readonly children: ReactNode;
}

/** A part that throws while drawing takes the page down to one sentence and a way on, never to a blank. */
export class ErrorBoundary extends Component<Props, { readonly broken: boolean }> {
  override readonly state = { broken: false };

  static getDerivedStateFromError(): { readonly broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    return this.state.broken ? <Crash /> : this.props.children;
  }
}

function Crash() {
  const { t } = useWords();
  return (
    <main className="page">
      <Notice title={t('crash.title')} text={t('crash.text')} testId="crash">
        <button className="button primary" onClick={() => location.reload()}>
          {t('crash.reload')}
        </button>
      </Notice>
    </main>
  );
}
