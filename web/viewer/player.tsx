import { useEffect, useRef, useState, type RefObject } from 'react';
import { Cover } from '../design/cover.tsx';
import { PlayerSession } from '../player/session.ts';
import type { PlayerState } from '../player/state.ts';
import type { PlayPreference } from '../player/support.ts';
import { client } from '../shell/client.ts';
import { useWords } from '../shell/words.tsx';
import { PlayerControls } from './player-controls.tsx';
import { PlayerMessage } from './player-message.tsx';

interface PlayerProps {
  readonly roomRef: string;
  readonly preference: PlayPreference;
  readonly state: PlayerState;
  readonly onState: (state: PlayerState) => void;
}

/** The picture with everything on it. */
export function Player({ roomRef, preference, state, onState }: PlayerProps) {
  const { t } = useWords();
  const root = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const session = useSession({ roomRef, preference, onState, video });
  const idle = useIdle(root);
  const hostName = state.room?.hostName ?? state.host?.name ?? roomRef.replace('@', '');
  return (
    <div
      ref={root}
      className={`player${idle ? ' idle' : ''}`}
      data-testid="player"
      data-player-state={state.phase}
      data-player-cause={state.cause}
    >
      <video ref={video} muted playsInline aria-label={t('player.label', { host: hostName })} />
      {!state.pictured && <Cover name={hostName} dimmed />}
      <PlayerMessage state={state} hostName={hostName} onRetry={() => session.current?.retry()} />
      <PlayerControls root={root} video={video} phase={state.phase} preference={preference} />
    </div>
  );
}

interface UseSessionOptions extends Pick<PlayerProps, 'roomRef' | 'preference' | 'onState'> {
  readonly video: RefObject<HTMLVideoElement | null>;
}

function useSession(options: UseSessionOptions): RefObject<PlayerSession | null> {
  const { roomRef, preference, onState, video } = options;
  const { latency, protocol } = preference;
  const session = useRef<PlayerSession>(null);
  useEffect(() => {
    if (!video.current) return undefined;
    const started = new PlayerSession({
      client,
      roomRef,
      preference: { latency, protocol },
      video: video.current,
      onState,
    });
    session.current = started;
    return () => started.dispose();
  }, [roomRef, latency, protocol, onState, video]);
  return session;
}

const idleMs = 2_600;

/** Nobody moved or typed over the picture for a while: controls may hide. */
function useIdle(root: RefObject<HTMLElement | null>): boolean {
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
