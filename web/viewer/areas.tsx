import type { Area } from '@gala/protocol/rest';
import { client } from '../shell/client.ts';
import { usePoll, type Ask } from '../shell/poll.ts';
import { useWords } from '../shell/words.tsx';

const refreshMs = 10_000;
const ask: Ask<{ readonly areas: readonly Area[] }> = (signal) => client.listAreas(undefined, { signal });
const none: readonly Area[] = [];

/** The areas in their order; none while they are not known. */
export function useAreas(): readonly Area[] {
  return usePoll(ask, refreshMs).answer?.areas ?? none;
}

interface AreaChoiceProps {
  readonly areas: readonly Area[];
  /** Empty for all. */
  readonly chosen: string;
  readonly onChoose: (areaId: string) => void;
}

/** Which rooms are shown. A retired area is there as long as rooms of it are on air. */
export function AreaChoice({ areas, chosen, onChoose }: AreaChoiceProps) {
  const { t, language } = useWords();
  const shown = areas.filter(({ areaId, isRetired, rooms }) => !isRetired || rooms > 0 || areaId === chosen);
  if (shown.length === 0) return null;
  const chip = (areaId: string, text: string, rooms?: number) => (
    <button
      key={areaId}
      className="chip"
      aria-pressed={areaId === chosen}
      onClick={() => onChoose(areaId)}
      data-testid="area-chip"
    >
      {text}
      {rooms !== undefined && rooms > 0 && <small>{rooms}</small>}
    </button>
  );
  return (
    <div className="chips" role="group" aria-label={t('home.areas')}>
      {chip('', t('home.area.all'))}
      {shown.map(({ areaId, names, rooms }) => chip(areaId, names[language], rooms))}
    </div>
  );
}
