import { useEffect, useState, type RefObject } from 'react';

const idleMs = 2_600;

/** Nobody moved or typed over the picture for a while: controls may hide. */
export function useIdle(root: RefObject<HTMLElement | null>): boolean {
  const [idle, setIdle] = useState(false);
  useEffect(() => {
    const element = root.current;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wake = (): void => {
      setIdle(false);
      clearTimeout(timer);
      timer = setTimeout(() => setIdle(true), idleMs);
    };
    wake();
    for (const event of activity) element?.addEventListener(event, wake);
    return () => {
      clearTimeout(timer);
      for (const event of activity) element?.removeEventListener(event, wake);
    };
  }, [root]);
  return idle;
}

const activity = ['pointermove', 'pointerdown', 'keydown', 'focusin'] as const;
