type Handler = (...args: never[]) => Promise<unknown> | AsyncIterable<unknown>;

/**
 * The same handlers, but what they throw goes through `translate`: a service answers codes of its protocol,
 * whatever its engines call their troubles.
 */
export function mapErrors<Table extends object>(
  handlers: Table,
  translate: (error: unknown) => unknown,
): Table {
  const mapped = Object.entries(handlers).map(([name, handler]: [string, Handler]) => [
    name,
    (...args: never[]) => {
      const answer = handler(...args);
      if (Symbol.asyncIterator in answer) return mapStream(answer, translate);
      return answer.catch((error: unknown) => {
        throw translate(error);
      });
    },
  ]);
  return Object.fromEntries(mapped) as Table;
}

async function* mapStream(
  stream: AsyncIterable<unknown>,
  translate: (error: unknown) => unknown,
): AsyncGenerator {
  try {
    yield* stream;
  } catch (error) {
    throw translate(error);
  }
}
