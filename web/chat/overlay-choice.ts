import { useState } from 'react';
import { keep, readKept } from '../shell/theme.ts';

/** How messages over the picture are shown. */
export interface OverlayChoice {
  readonly isOn: boolean;
  /** 0.2 … 1. */
  readonly opacity: number;
}

const key = 'gala.overlay';
export const opacityMin = 0.2;

/** Kept by the browser: off, or the opacity. */
export function useOverlayChoice(): [OverlayChoice, (choice: OverlayChoice) => void] {
  const [choice, setChoice] = useState(read);
  return [
    choice,
    (next) => {
      keep(key, next.isOn ? String(next.opacity) : `off ${next.opacity}`);
      setChoice(next);
    },
  ];
}

function read(): OverlayChoice {
  const kept = readKept(key) ?? '';
  const opacity = Number.parseFloat(kept.replace('off ', ''));
  return { isOn: !kept.startsWith('off'), opacity: opacity >= opacityMin && opacity <= 1 ? opacity : 1 };
}
