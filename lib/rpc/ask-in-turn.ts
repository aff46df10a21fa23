import { rpcError } from './errors.ts';

export interface InTurnOptions<Answer> {
  readonly ask: (member: string) => Promise<Answer>;
  /** The failure says "not here, not now": the next one is asked. */
  readonly isPassing: (error: unknown) => boolean;
}

/** Asks one member after the other until one answers, or refuses for good. Errors: the last failure; UNAVAILABLE for no member. */
export async function askInTurn<Answer>(
  members: Iterable<string>,
  { ask, isPassing }: InTurnOptions<Answer>,
): Promise<Answer> {
  let failure: unknown = rpcError('UNAVAILABLE');
  for (const member of members) {
    try {
      return await ask(member);
    } catch (error) {
      if (!isPassing(error)) throw error;
      failure = error;
    }
  }
  throw failure;
}
