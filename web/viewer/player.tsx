import { useEffect, useRef, useState, type RefObject } from 'react';
import { Cover } from '../design/cover.tsx';
import type { PlayerSession } from '../player/session.ts';
import { initialState, reducePlayer, type PlayerState } from '../player/state.ts';
import { soundOnly, type PlayPreference } from '../player/support.ts';
import { client } from '../shell/client.ts';
import { useWords } from '../shell/words.tsx';
import { useIdle } from './idle.ts';
import { PlayerControls } from './player-controls.tsx';
import { PlayerMessage } from './player-message.tsx';

interface PlayerProps {
  readonly roomRef: string;
  readonly preference: PlayPreference;
  readonly state: PlayerState;
  readonly onState: (state: PlayerState) => void;
  /** There is a recording of what has ended. */
  readonly onReplay?: (() => void) | undefined;
  /** Where the picture is, for those who draw over it. */
  readonly clock?: RefObject<MediaClock>;
  /** Told of the element that lies over the picture. */
  readonly onOverlay?: (overlay: HTMLElement | null) => void;
}

/** Place of the picture on the screen, in ms of the stream's timeline; undefined while there is none. */
export type MediaClock = () => number | undefined;

/** The picture with everything on it. */
export function Player(props: PlayerProps) {
  const { roomRef, preference, state, onState, onReplay, clock, onOverlay } = props;
  const { t } = useWords();
  const root = useRef<HTMLDivElement>(null);
  const decks = useDecks();
  const { retry } = useSession({ roomRef, preference, onState, clock, videos: decks.videos });
  const idle = useIdle(root);
  const hostName = state.room?.hostName ?? state.host?.name ?? roomRef.replace('@', '');
  const label = t('player.label', { host: hostName });
  const video = decks.videos?.[state.front] ?? null;
  const covered = !state.pictured || (preference.quality === soundOnly && state.change === 'none');
  return (
    <div
      ref={root}
      className={`player${idle ? ' idle' : ''}`}
      data-testid="player"
      data-player-state={state.phase}
      data-player-cause={state.cause}
      data-player-way={state.way}
    >
      <div className="decks">
        {[0, 1].map((index) => (
          <video
            key={index}
            ref={decks.refs[index]}
            className={index === state.front ? 'front' : undefined}
            aria-hidden={index !== state.front}
            muted
            playsInline
            aria-label={label}
          />
        ))}
      </div>
      {covered && <Cover name={hostName} dimmed />}
      {onOverlay && <div ref={onOverlay} className="player-overlay" />}
      <PlayerMessage
        state={state}
        hostName={hostName}
        preference={preference}
        onRetry={retry}
        onReplay={onReplay}
      />
      <PlayerControls root={root} video={video} preference={preference} state={state} />
    </div>
  );
}

type Decks = readonly [HTMLVideoElement, HTMLVideoElement];

/** The two video elements; `videos` from when both are on the page. */
function useDecks() {
  const first = useRef<HTMLVideoElement>(null);
  const second = useRef<HTMLVideoElement>(null);
  const [videos, setVideos] = useState<Decks>();
  useEffect(() => {
    if (first.current && second.current) setVideos([first.current, second.current]);
  }, []);
  return { refs: [first, second], videos };
}

interface UseSessionOptions extends Pick<PlayerProps, 'roomRef' | 'preference' | 'onState' | 'clock'> {
  readonly videos: Decks | undefined;
}

/** One session per room; another preference is its business, so that the picture can go on. */
function useSession(options: UseSessionOptions): { readonly retry: () => void } {
  const { roomRef, preference, onState, clock, videos } = options;
  const { latency, protocol, quality } = preference;
  const session = useRef<PlayerSession>(undefined);
  const wanted = useRef(preference);
  useEffect(() => {
    if (!videos) return undefined;
    const left = new AbortController();
    loadSession().then(
      ({ PlayerSession }) => {
        if (left.signal.aborted) return;
        const started = new PlayerSession({ client, roomRef, preference: wanted.current, videos, onState });
        session.current = started;
        if (clock) clock.current = () => started.mediaMs();
        left.signal.addEventListener('abort', () => {
          if (clock) clock.current = noClock;
          started.dispose();
        });
      },
      () => left.signal.aborted || onState(notLoaded),
    );
    return () => {
      left.abort();
      session.current = undefined;
    };
  }, [roomRef, onState, clock, videos]);
  useEffect(() => {
    wanted.current = { latency, protocol, quality };
    session.current?.change(wanted.current);
  }, [latency, protocol, quality]);
  return { retry: () => (session.current ? session.current.retry() : location.reload()) };
}

/** Nothing plays. */
export const noClock: MediaClock = () => undefined;

/** Not part of the page: it is drawn while the player comes. */
const loadSession = () => import('../player/session.ts');
const notLoaded = reducePlayer(initialState, { type: 'closed', cause: 'network-lost' });
