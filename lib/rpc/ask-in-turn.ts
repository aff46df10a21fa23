export interface InTurnOptions<Answer> {
  readonly ask: (member: string) => Promise<Answer>;
  /** The failure says "not here, not now": the next one is asked. */
  readonly isPassing: (error: unknown) => boolean;
  /** What it fails with when there is no member. */
  readonly nobody: unknown;
}

/** Asks one member after the other until one answers, or refuses for good. Errors: the last failure. */
export async function askInTurn<Answer>(
  members: Iterable<string>,
  { ask, isPassing, nobody }: InTurnOptions<Answer>,
): Promise<Answer> {
  let failure = nobody;
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
