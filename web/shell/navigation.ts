import { useSyncExternalStore } from 'react';
import { hrefOf } from './route.ts';

const moved = 'gala:moved';

function subscribe(run: () => void): () => void {
  addEventListener('popstate', run);
  addEventListener(moved, run);
  return () => {
    removeEventListener('popstate', run);
    removeEventListener(moved, run);
  };
}

/** Path and query of the page; renders again when they change. */
export function useAddress(): string {
  return useSyncExternalStore(subscribe, () => location.pathname + location.search);
}

/** Goes to a path of ours without loading the page again. */
export function go(path: string, options: { replace?: boolean } = {}): void {
  const href = hrefOf(path);
  if (options.replace) history.replaceState(null, '', href);
  else {
    history.pushState(null, '', href);
    scrollTo(0, 0);
    // Keyboard and screen reader go on in the new page, not on a link that is gone.
    document.querySelector<HTMLElement>('#content')?.focus({ preventScroll: true });
  }
  dispatchEvent(new Event(moved));
}
