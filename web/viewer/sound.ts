import { useEffect, useState } from 'react';
import { keep, readKept } from '../shell/theme.ts';

const volumeKey = 'gala.volume';

export interface Sound {
  readonly muted: boolean;
  /** 0…1. */
  readonly volume: number;
  readonly setMuted: (muted: boolean) => void;
  readonly setVolume: (volume: number) => void;
}

/** Sound of the player. It starts muted, as browsers demand without a gesture; the volume is remembered. */
export function useSound(element: HTMLVideoElement | null): Sound {
  const [muted, showMuted] = useState(true);
  const [volume, showVolume] = useState(readVolume);
  useEffect(() => {
    if (!element) return undefined;
    setVolume(element, readVolume());
    const update = (): void => {
      showMuted(element.muted);
      showVolume(element.volume);
    };
    update();
    element.addEventListener('volumechange', update);
    return () => element.removeEventListener('volumechange', update);
  }, [element]);
  return {
    muted,
    volume,
    setMuted: (next) => setMuted(element, next),
    setVolume: (next) => {
      setVolume(element, next);
      setMuted(element, next === 0);
      keep(volumeKey, String(next));
    },
  };
}

function setMuted(element: HTMLVideoElement | null, muted: boolean): void {
  if (!element) return;
  element.muted = muted;
  if (!muted && element.volume === 0) element.volume = 1;
}

function setVolume(element: HTMLVideoElement | null, volume: number): void {
  if (element) element.volume = volume;
}

function readVolume(): number {
  const kept = Number(readKept(volumeKey) ?? 1);
  return kept > 0 && kept <= 1 ? kept : 1;
}
