import { lazy, Suspense, useCallback, useState } from 'react';
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
import { Player } from './player.tsx';
import { useReplay } from './use-replay.ts';

/** These two come beside the picture, and nothing waits for them. */
const HostNotes = lazy(() => import('./host-notes.tsx').catch(() => ({ default: () => <></> })));
const OtherRooms = lazy(() => import('./other-rooms.tsx').catch(() => ({ default: () => <></> })));
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
          />
        )}
        {hostName !== '' && <RoomHead title={title} hostName={hostName} state={state} />}
        <Suspense fallback={null}>{hostName !== '' && <HostNotes hostRef={`@${hostName}`} />}</Suspense>
      </div>
      <Suspense fallback={<aside className="others" />}>
        <OtherRooms except={room?.hostId} />
      </Suspense>
    </div>
  );
}

/** Another latency makes a new connection, but the room is known already. */
function keepKnown(next: PlayerState, shown: PlayerState): PlayerState {
  return next.room ? next : { ...next, room: shown.room, host: shown.host };
}

interface RoomHeadProps {
  readonly title: string;
  readonly hostName: string;
  readonly state: PlayerState;
}

function RoomHead({ title, hostName, state }: RoomHeadProps) {
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
        {state.room && <RoomFacts room={state.room} ended={state.phase === 'ended'} />}
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

function RoomFacts({ room, ended }: { readonly room: Room; readonly ended: boolean }) {
  const onAir = !ended && (room.state === 'live' || room.state === 'hold');
  return (
    <>
      <StateBadge state={ended ? 'ended' : room.state} />
      {onAir && <Viewers count={room.viewers} />}
      {onAir && room.startedAtMs !== undefined && <LiveClock startedAtMs={room.startedAtMs} />}
    </>
  );
}
