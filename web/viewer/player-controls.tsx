import { useEffect, useState, type ReactNode, type RefObject } from 'react';
import { Icon, type IconName } from '../design/icon.tsx';
import type { PlayerState } from '../player/state.ts';
import type { PlayPreference } from '../player/support.ts';
import { useWords } from '../shell/words.tsx';
import { PlayerMenu } from './player-menu.tsx';
import { useSound } from './sound.ts';

interface PlayerControlsProps {
  readonly root: RefObject<HTMLDivElement | null>;
  /** The one in front. */
  readonly video: HTMLVideoElement | null;
  readonly state: PlayerState;
  readonly preference: PlayPreference;
}

export function PlayerControls({ root, video, state, preference }: PlayerControlsProps) {
  const { t } = useWords();
  const sound = useSound(video);
  const shown = state.phase === 'playing' || state.phase === 'held';
  return (
    <>
      {shown && sound.muted && (
        <button className="unmute" onClick={() => sound.setMuted(false)} data-testid="unmute">
          <Icon name="soundOff" />
          {t('player.unmute')}
        </button>
      )}
      <PlaybackControls root={root} video={video}>
        <span className="controls-space" />
        <PlayerMenu preference={preference} state={state} />
      </PlaybackControls>
    </>
  );
}

interface PlaybackControlsProps extends Pick<PlayerControlsProps, 'root' | 'video'> {
  /** What stands between the sound and the screen. */
  readonly children: ReactNode;
}

/** What every picture has below it. */
export function PlaybackControls({ root, video, children }: PlaybackControlsProps) {
  const { t } = useWords();
  const sound = useSound(video);
  const paused = usePaused(video);
  return (
    <div className="controls" data-testid="controls">
      <ControlButton
        icon={paused ? 'play' : 'pause'}
        label={paused ? t('player.play') : t('player.pause')}
        onPress={() => togglePlay(video)}
      />
      <ControlButton
        icon={sound.muted ? 'soundOff' : 'soundOn'}
        label={sound.muted ? t('player.soundOn') : t('player.mute')}
        onPress={() => sound.setMuted(!sound.muted)}
      />
      <input
        className="volume"
        type="range"
        min="0"
        max="1"
        step="0.05"
        value={sound.muted ? 0 : sound.volume}
        onChange={(event) => sound.setVolume(Number(event.target.value))}
        aria-label={t('player.volume')}
      />
      {children}
      <PictureButton video={video} />
      <FullscreenButton root={root} video={video} />
    </div>
  );
}

interface ControlButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly onPress: () => void;
}

function ControlButton({ icon, label, onPress }: ControlButtonProps) {
  return (
    <button className="control" onClick={onPress} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}

function PictureButton({ video }: Pick<PlayerControlsProps, 'video'>) {
  const { t } = useWords();
  if (!document.pictureInPictureEnabled) return null;
  const toggle = (): void => {
    const change = document.pictureInPictureElement
      ? document.exitPictureInPicture()
      : video?.requestPictureInPicture();
    change?.catch(() => undefined);
  };
  return <ControlButton icon="pip" label={t('player.pip')} onPress={toggle} />;
}

/** iPhones show only the video element itself in full screen. */
interface AppleVideo extends HTMLVideoElement {
  webkitEnterFullscreen?: () => void;
}

function FullscreenButton({ root, video }: Pick<PlayerControlsProps, 'root' | 'video'>) {
  const { t } = useWords();
  const [full, setFull] = useState(false);
  useEffect(() => {
    const update = (): void => setFull(document.fullscreenElement !== null);
    document.addEventListener('fullscreenchange', update);
    return () => document.removeEventListener('fullscreenchange', update);
  }, []);
  const toggle = (): void => {
    if (document.fullscreenElement) document.exitFullscreen().catch(() => undefined);
    else if (document.fullscreenEnabled) root.current?.requestFullscreen().catch(() => undefined);
    else showNative(video);
  };
  return (
    <ControlButton
      icon={full ? 'shrink' : 'expand'}
      label={full ? t('player.fullscreen.leave') : t('player.fullscreen')}
      onPress={toggle}
    />
  );
}

function showNative(video: AppleVideo | null): void {
  video?.webkitEnterFullscreen?.();
}

function usePaused(element: HTMLVideoElement | null): boolean {
  const [paused, setPaused] = useState(false);
  useEffect(() => {
    const update = (): void => setPaused(element?.paused === true && element.readyState > 0);
    update();
    element?.addEventListener('play', update);
    element?.addEventListener('pause', update);
    return () => {
      element?.removeEventListener('play', update);
      element?.removeEventListener('pause', update);
    };
  }, [element]);
  return paused;
}

function togglePlay(video: HTMLVideoElement | null): void {
  if (video?.paused) video.play().catch(() => undefined);
  else video?.pause();
}
