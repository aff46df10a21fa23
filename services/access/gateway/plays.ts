import type { Call } from './call.ts';
import type { Parts } from './parts.ts';

/** A page that waits for it waits no longer. */
const answerMsMax = 150;

/** How often a room was played; undefined when it is not shown, not known, or not known soon enough. */
export async function playsOf(
  { catalog, switches }: Parts,
  { rpc }: Pick<Call, 'rpc'>,
  roomId: number,
): Promise<number | undefined> {
  if (switches.get('playCounts') === 'off') return undefined;
  const asked = catalog.getPlays({ roomId: BigInt(roomId) }, { ...rpc, timeoutMs: answerMsMax });
  const answer = await asked.catch(() => undefined);
  return answer?.plays === undefined ? undefined : Number(answer.plays);
}
