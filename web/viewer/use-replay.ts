import { useEffect, useState } from 'react';
import type { Replay, Room } from '@gala/protocol/rest';
import { client } from '../shell/client.ts';

const askEveryMs = 2_000;
/** The end of a recording is known soon after the end of its broadcast, or there is none. */
const asksMax = 5;

/** What was kept of a room that has ended; undefined while that is not known, and when nothing was. */
export function useReplay(room: Room | undefined, isOver: boolean): Replay | undefined {
  const roomId = isOver ? room?.roomId : undefined;
  const [found, setFound] = useState<{ roomId: number; replay: Replay }>();
  useEffect(() => {
    if (roomId === undefined) return undefined;
    const left = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (asks: number): Promise<void> => {
      const { replay } = await client
        .enterRoom({ roomRef: roomId }, { signal: left.signal })
        .catch(() => ({ replay: undefined }));
      if (left.signal.aborted) return;
      if (replay && replay.durationMs > 0) setFound({ roomId, replay });
      else if (asks < asksMax) timer = setTimeout(() => void ask(asks + 1), askEveryMs);
    };
    void ask(1);
    return () => {
      left.abort();
      clearTimeout(timer);
    };
  }, [roomId]);
  return found?.roomId === roomId ? found?.replay : undefined;
}
