import { useEffect } from 'react';

/** The name of the page in tabs and histories. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === '' ? 'Gala' : `${title} · Gala`;
  }, [title]);
}
