type Handler = (...args: never[]) => Promise<unknown>;

/**
 * The same unary handlers, but what they throw goes through `translate`: a service answers codes of its
 * protocol, whatever its engines call their troubles.
 */
export function mapErrors<Table extends object>(
  handlers: Table,
  translate: (error: unknown) => unknown,
): Table {
  const mapped = Object.entries(handlers).map(([name, handler]: [string, Handler]) => [
    name,
    (...args: never[]) =>
      handler(...args).catch((error: unknown) => {
        throw translate(error);
      }),
  ]);
  return Object.fromEntries(mapped) as Table;
}
