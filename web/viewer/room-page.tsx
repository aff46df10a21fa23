import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react';
import type { Room } from '@gala/protocol/rest';
import { CopyButton } from '../design/copy-button.tsx';
import { Avatar } from '../design/cover.tsx';
import { Icon } from '../design/icon.tsx';
import { LiveClock, StateBadge, Viewers } from '../design/room-badges.tsx';
import { initialState, type PlayerState } from '../player/state.ts';
import type { PlayPreference } from '../player/support.ts';
import { Link } from '../shell/link.tsx';
import { hrefOf } from '../shell/route.ts';
import { useTitle } from '../shell/title.ts';
import { useWords } from '../shell/words.tsx';
import { noClock, Player } from './player.tsx';
import { useReplay } from './use-replay.ts';

/** These two come beside the picture, and nothing waits for them. */
const HostNotes = lazy(() => import('./host-notes.tsx').catch(() => ({ default: () => <></> })));
const OtherRooms = lazy(() => import('./other-rooms.tsx').catch(() => ({ default: () => <></> })));
/** Comes beside the picture too. */
const FollowButton = lazy(() => import('./follow-button.tsx').catch(() => ({ default: () => <></> })));
/** Comes when the picture is there: it must not take the network from it. */
const ChatPanel = lazy(() => import('../chat/chat-panel.tsx').catch(() => ({ default: ChatLost })));
/** Comes when a recording is chosen. */
const ReplayPlayer = lazy(() => import('./replay-player.tsx'));

interface RoomPageProps {
  readonly roomRef: string;
  readonly preference: PlayPreference;
}

export default function RoomPage({ roomRef, preference }: RoomPageProps) {
  const [state, setState] = useState<PlayerState>(initialState);
  const showState = useCallback((next: PlayerState) => setState((shown) => keepKnown(next, shown)), []);
  const { t } = useWords();
  const { room, host } = state;
  const hostName = room?.hostName ?? host?.name ?? (roomRef.startsWith('@') ? roomRef.slice(1) : '');
  const replay = useReplay(room, state.phase === 'ended');
  /** The room whose recording the viewer chose to see. */
  const [watched, setWatched] = useState<number>();
  const clock = useRef(noClock);
  const mediaMs = useCallback(() => clock.current(), []);
  const [overlay, setOverlay] = useState<HTMLElement | null>(null);
  const [viewers, setViewers] = useState<number>();
  const isChatDue = useAfterPicture(state);
  const onAir = room?.state === 'live' || room?.state === 'hold';
  const title = room?.title || host?.title || (onAir ? t('room.untitled', { host: hostName }) : hostName);
  useTitle(title);
  return (
    <div className="room" data-testid="room-page">
      <div className="room-main">
        {replay && watched === room?.roomId ? (
          <Suspense fallback={<div className="player" />}>
            <ReplayPlayer replay={replay} hostName={hostName} />
          </Suspense>
        ) : (
          <Player
            roomRef={roomRef}
            preference={preference}
            state={state}
            onState={showState}
            onReplay={replay && (() => setWatched(room?.roomId))}
            clock={clock}
            onOverlay={setOverlay}
          />
        )}
        {hostName !== '' && <RoomHead title={title} hostName={hostName} state={state} viewers={viewers} />}
      </div>
      <Suspense fallback={<div className="chat" />}>
        {room && isChatDue ? (
          <ChatPanel
            room={room}
            phase={state.phase}
            mediaMs={mediaMs}
            overlay={overlay}
            onViewers={setViewers}
          />
        ) : (
          <div className="chat" />
        )}
      </Suspense>
      <Suspense fallback={null}>{hostName !== '' && <HostNotes hostRef={`@${hostName}`} />}</Suspense>
      <Suspense fallback={<aside className="others" />}>
        <OtherRooms except={room?.hostId} />
      </Suspense>
    </div>
  );
}

/** The page goes on without it. */
function ChatLost() {
  return <></>;
}

const chatMsMax = 3_000;

/** From the first picture on, or when it is clear that none comes soon. */
function useAfterPicture({ pictured, phase }: PlayerState): boolean {
  const [isDue, setIsDue] = useState(false);
  const isSettled = pictured || (phase !== 'connecting' && phase !== 'reconnecting');
  useEffect(() => {
    const timer = setTimeout(() => setIsDue(true), isSettled ? 0 : chatMsMax);
    return () => clearTimeout(timer);
  }, [isSettled]);
  return isDue;
}

/** Another latency makes a new connection, but the room is known already. */
function keepKnown(next: PlayerState, shown: PlayerState): PlayerState {
  return next.room ? next : { ...next, room: shown.room, host: shown.host };
}

interface RoomHeadProps {
  readonly title: string;
  readonly hostName: string;
  readonly state: PlayerState;
  /** As the chat knows it: nearer to now than what is asked now and then. */
  readonly viewers: number | undefined;
}

function RoomHead({ title, hostName, state, viewers }: RoomHeadProps) {
  const { t } = useWords();
  return (
    <section className="room-head">
      <Avatar name={hostName} />
      <div className="room-head-words">
        <h1 data-testid="room-title">{title}</h1>
        <p>
          <Link to={`/@${hostName}`} className="plain" title={t('room.hostPage', { host: hostName })}>
            {hostName}
          </Link>
          {state.room?.visibility === 'private' && (
            <span className="meter">
              <Icon name="lock" />
              {t('room.private')}
            </span>
          )}
        </p>
      </div>
      <div className="room-head-facts">
        {state.room && <RoomFacts room={state.room} ended={state.phase === 'ended'} viewers={viewers} />}
        <Suspense fallback={null}>
          <FollowButton hostRef={`@${hostName}`} />
        </Suspense>
        <CopyButton
          text={new URL(hrefOf(`/@${hostName}`), location.origin).href}
          label={t('room.share')}
          done={t('room.shared')}
          icon="link"
          testId="share"
        />
      </div>
    </section>
  );
}

interface RoomFactsProps extends Pick<RoomHeadProps, 'viewers'> {
  readonly room: Room;
  readonly ended: boolean;
}

function RoomFacts({ room, ended, viewers = room.viewers }: RoomFactsProps) {
  const onAir = !ended && (room.state === 'live' || room.state === 'hold');
  return (
    <>
      <StateBadge state={ended ? 'ended' : room.state} />
      {onAir && <Viewers count={viewers} />}
      {onAir && room.startedAtMs !== undefined && <LiveClock startedAtMs={room.startedAtMs} />}
    </>
  );
}
