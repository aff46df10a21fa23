import type { Room } from '@gala/protocol/rest';
import { Avatar, Cover } from '../design/cover.tsx';
import { LiveClock, StateBadge, Viewers } from '../design/room-badges.tsx';
import { Link } from '../shell/link.tsx';
import { useWords } from '../shell/words.tsx';

interface RoomCardProps {
  readonly room: Room;
  readonly shape?: 'card' | 'row';
}

const coverFreshMs = 10_000;

/** Another address every ten seconds, which is how old a cover gets. */
function freshCover({ coverUrl }: Room): string | undefined {
  return coverUrl && `${coverUrl}?at=${Math.floor(Date.now() / coverFreshMs)}`;
}

/** A live room in a list. The whole card leads to the room. */
export function RoomCard({ room, shape = 'card' }: RoomCardProps) {
  const { t } = useWords();
  const title = room.title || t('room.untitled', { host: room.hostName });
  return (
    <article className={`room-${shape}`} data-testid="room-card" data-room-id={room.roomId}>
      <Cover name={room.hostName} pictureUrl={freshCover(room)} dimmed={room.state !== 'live'}>
        <div className="cover-top">
          <StateBadge state={room.state} />
        </div>
        <div className="cover-bottom">
          <Viewers count={room.viewers} short />
          {room.startedAtMs !== undefined && <LiveClock startedAtMs={room.startedAtMs} />}
        </div>
      </Cover>
      <div className="room-words">
        {shape === 'card' && <Avatar name={room.hostName} />}
        <div>
          <h3>
            <Link to={`/room/${room.roomId}`} className="stretched">
              {title}
            </Link>
          </h3>
          <p>{room.hostName}</p>
        </div>
      </div>
    </article>
  );
}
