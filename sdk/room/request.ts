import type { OperationName } from '@gala/protocol/rest';
import { routes } from './routes.ts';

/** A call as the client method takes it: path parameters, query and body fields in one object. */
export type Input = Readonly<Record<string, unknown>>;

export interface PlannedRequest {
  readonly method: string;
  /** Relative to the base URL, without a leading slash. */
  readonly path: string;
  /** JSON text; undefined when the operation sends none. */
  readonly body: string | undefined;
}

/** Puts the fields of a call where the operation wants them: path, then query (GET, DELETE) or body. */
export function planRequest(name: OperationName, input: Input = {}): PlannedRequest {
  const [method = '', path = ''] = routes[name].split(' ', 2);
  const rest: Record<string, unknown> = { ...input };
  const filled = path.slice(1).replaceAll(/\{(\w+)\}/g, (_, parameter: string) => {
    const value = rest[parameter];
    delete rest[parameter];
    return encodeSegment(String(value));
  });
  if (method !== 'GET' && method !== 'DELETE') return { method, path: filled, body: JSON.stringify(rest) };
  return { method, path: filled + encodeQuery(rest), body: undefined };
}

/** `@` may stand in a path and keeps `@name` readable in logs. */
function encodeSegment(text: string): string {
  return encodeURIComponent(text).replaceAll('%40', '@');
}

function encodeQuery(fields: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(fields))
    if (value !== undefined) query.set(key, `${value as string | number}`);
  return query.size === 0 ? '' : `?${query.toString()}`;
}
