import type { Operation } from '@gala/protocol/rest';

/** What a method and a path lead to. */
export type Match<Name extends string = string> =
  | {
      readonly kind: 'operation';
      readonly route: Route<Name>;
      readonly params: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'wrong-method'; readonly routes: readonly Route<Name>[] }
  | { readonly kind: 'unknown' };

export interface Route<Name extends string = string> {
  readonly name: Name;
  readonly operation: Operation;
  readonly parameterNames: readonly string[];
}

/** One path segment: literals go before the parameter. */
interface Segment<Name extends string> {
  readonly literals: Map<string, Segment<Name>>;
  parameter: Segment<Name> | undefined;
  readonly methods: Map<string, Route<Name>>;
}

/** Compiles an operations table to a tree of path segments; matching costs one map look-up a segment. */
export class Router<Name extends string> {
  readonly #root: Segment<Name> = newSegment();

  constructor(operations: Readonly<Record<Name, Operation>>) {
    for (const name of Object.keys(operations) as Name[]) this.#add(name, operations[name]);
  }

  /** `path` without query, not yet percent-decoded; HEAD matches what GET matches. */
  match(method: string, path: string): Match<Name> {
    const values: string[] = [];
    const leaf = descend(this.#root, path.split('/').slice(1), values);
    if (!leaf) return { kind: 'unknown' };
    const route = leaf.methods.get(method === 'HEAD' ? 'GET' : method);
    if (!route) return { kind: 'wrong-method', routes: [...leaf.methods.values()] };
    const params = Object.fromEntries(route.parameterNames.map((name, index) => [name, values[index]]));
    return { kind: 'operation', route, params };
  }

  #add(name: Name, operation: Operation): void {
    let segment = this.#root;
    const parameterNames: string[] = [];
    for (const text of operation.path.split('/').slice(1)) {
      const parameter = /^\{(\w+)\}$/.exec(text)?.[1];
      if (parameter) parameterNames.push(parameter);
      segment = parameter ? (segment.parameter ??= newSegment()) : literalOf(segment, text);
    }
    segment.methods.set(operation.method, { name, operation, parameterNames });
  }
}

function newSegment<Name extends string>(): Segment<Name> {
  return { literals: new Map(), parameter: undefined, methods: new Map() };
}

function literalOf<Name extends string>(segment: Segment<Name>, text: string): Segment<Name> {
  const known = segment.literals.get(text);
  if (known) return known;
  const added = newSegment<Name>();
  segment.literals.set(text, added);
  return added;
}

/** The segment that ends the path and has methods; a literal that leads nowhere gives way to the parameter. */
function descend<Name extends string>(
  from: Segment<Name>,
  [text, ...rest]: readonly string[],
  values: string[],
): Segment<Name> | undefined {
  if (text === undefined) return from.methods.size > 0 ? from : undefined;
  const literal = from.literals.get(text);
  const found = literal && descend(literal, rest, values);
  if (found || !from.parameter || text === '') return found;
  values.push(text);
  const end = descend(from.parameter, rest, values);
  if (!end) values.pop();
  return end;
}
