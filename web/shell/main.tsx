import { createRoot } from 'react-dom/client';
import '../design/tokens.css';
import '../design/base.css';
import '../design/parts.css';
import '../design/viewer.css';
import '../design/room.css';
import '../design/player.css';
import '../design/chat.css';
import '../design/composer.css';
import '../design/danmaku.css';
import '../design/moderate.css';
import '../design/studio.css';
import '../design/console.css';
import { App } from './app.tsx';
import { ErrorBoundary } from './error-boundary.tsx';
import { WordsProvider, type Spoken } from './words.tsx';

/** Draws the page, once the texts of its language are there. */
export function mount(first: Spoken): void {
  const root = document.querySelector('#root');
  if (!root) throw new Error('the page has no #root');
  createRoot(root).render(
    <WordsProvider first={first}>
      <ErrorBoundary>
        <App />
      </ErrorBoundary>
    </WordsProvider>,
  );
}
