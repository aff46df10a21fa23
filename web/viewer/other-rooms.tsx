import type { AnswerOf } from '@gala/sdk/room';
import { client } from '../shell/client.ts';
import { usePoll, type Ask } from '../shell/poll.ts';
import { useWords } from '../shell/words.tsx';
import { RoomCard } from './room-card.tsx';

const othersMs = 10_000;
const othersMax = 8;
const askOthers: Ask<AnswerOf<'listLiveRooms'>> = (signal) => client.listLiveRooms({ limit: 12 }, { signal });

/** What else is on air. */
export default function OtherRooms({ except }: { readonly except: number | undefined }) {
  const { t } = useWords();
  const { answer } = usePoll(askOthers, othersMs);
  const others = (answer?.rooms ?? []).filter(({ hostId }) => hostId !== except).slice(0, othersMax);
  return (
    <aside className="others" aria-labelledby="others-title">
      <h2 id="others-title">{t('room.others')}</h2>
      {answer && others.length === 0 && <p className="hint">{t('room.others.none')}</p>}
      {others.map((room) => (
        <RoomCard key={room.roomId} room={room} shape="row" />
      ))}
    </aside>
  );
}
