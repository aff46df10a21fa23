import { useEffect, useRef, useState } from 'react';
import type { Replay } from '@gala/protocol/rest';
import { Cover } from '../design/cover.tsx';
import { ReplayEngine } from '../player/replay.ts';
import { useWords } from '../shell/words.tsx';
import { formatDuration } from '../words/index.ts';
import { PlaybackControls } from './player-controls.tsx';
import { useIdle } from './idle.ts';

interface ReplayPlayerProps {
  readonly replay: Replay;
  readonly hostName: string;
}

/** A recording with a bar to seek in. */
export default function ReplayPlayer({ replay, hostName }: ReplayPlayerProps) {
  const { t } = useWords();
  const root = useRef<HTMLDivElement>(null);
  const [video, setVideo] = useState<HTMLVideoElement | null>(null);
  const [failed, setFailed] = useState(false);
  const idle = useIdle(root);
  const { clock, seek } = useClock(video);
  useEffect(() => {
    if (!video) return undefined;
    const engine = new ReplayEngine({ video, replay, onFailed: () => setFailed(true) });
    return () => engine[Symbol.dispose]();
  }, [video, replay]);
  const durationS = clock.durationS || replay.durationMs / 1000;
  return (
    <div
      ref={root}
      className={`player replay${idle ? ' idle' : ''}`}
      data-testid="replay-player"
      data-player-state="playing"
      data-replay-state={failed ? 'failed' : clock.ready ? 'ready' : 'loading'}
    >
      <div className="decks">
        <video
          ref={setVideo}
          className="front"
          autoPlay
          playsInline
          aria-label={t('replay.label', { host: hostName })}
        />
      </div>
      {!clock.ready && <Cover name={hostName} dimmed />}
      <div role="status" className="player-status">
        {failed && (
          <div className="player-message">
            <p className="player-message-title">{t('replay.failed.title')}</p>
            <p>{t('replay.failed.text')}</p>
          </div>
        )}
      </div>
      <PlaybackControls root={root} video={video}>
        <SeekBar positionS={clock.positionS} durationS={durationS} onSeek={seek} />
      </PlaybackControls>
    </div>
  );
}

interface SeekBarProps {
  readonly positionS: number;
  readonly durationS: number;
  readonly onSeek: (seconds: number) => void;
}

function SeekBar({ positionS, durationS, onSeek }: SeekBarProps) {
  const { t } = useWords();
  const [now, total] = [formatDuration(positionS * 1000), formatDuration(durationS * 1000)];
  return (
    <>
      <input
        className="seek"
        type="range"
        min="0"
        max={durationS}
        step="0.1"
        value={Math.min(positionS, durationS)}
        onChange={(event) => onSeek(Number(event.target.value))}
        aria-label={t('replay.seek')}
        aria-valuetext={`${now} / ${total}`}
        data-testid="seek"
      />
      <span className="replay-clock" data-testid="replay-clock">
        {now} / {total}
      </span>
    </>
  );
}

interface Clock {
  readonly positionS: number;
  /** 0 while it is not known. */
  readonly durationS: number;
  /** A picture is there. */
  readonly ready: boolean;
}

const noClock: Clock = { positionS: 0, durationS: 0, ready: false };
const clockEvents = ['timeupdate', 'seeking', 'durationchange', 'loadeddata', 'emptied'] as const;

/** The bar moves with the hand: the element says where it is only when it has got there. */
function useClock(video: HTMLVideoElement | null): { clock: Clock; seek: (seconds: number) => void } {
  const [clock, setClock] = useState(noClock);
  useEffect(() => {
    if (!video) return undefined;
    const update = (): void =>
      setClock({
        positionS: video.currentTime,
        durationS: Number.isFinite(video.duration) ? video.duration : 0,
        ready: video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA || video.currentTime > 0,
      });
    for (const event of clockEvents) video.addEventListener(event, update);
    return () => {
      for (const event of clockEvents) video.removeEventListener(event, update);
    };
  }, [video]);
  const seek = (seconds: number): void => {
    setClock((shown) => ({ ...shown, positionS: seconds }));
    if (video) moveTo(video, seconds);
  };
  return { clock, seek };
}

function moveTo(video: HTMLVideoElement, seconds: number): void {
  video.currentTime = seconds;
}
