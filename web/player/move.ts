/** What the edge asks of its players before it closes: to go on elsewhere, with the picture kept. */
export interface Move {
  /** `scheme://host:port` of another edge; undefined is the same address, where another process answers. */
  readonly url: string | undefined;
}

/** The script tag that carries it: its name, then one object. */
const scriptName = 'onGalaMove';
/**
 * Moves are spread over so long, so that the viewers of an edge do not knock at the next in one wave. The edge waits
 * three seconds for them (`edge.moveMs`), and the picture must be there by then.
 */
const spreadMs = 1_000;

/** Reads what mpegts.js makes of a script tag; undefined for every other one. */
export function parseMove(script: unknown): Move | undefined {
  const value = (script as Record<string, unknown> | null)?.[scriptName];
  if (typeof value !== 'object' || value === null) return undefined;
  const { url } = value as { url?: unknown };
  return { url: typeof url === 'string' && isBase(url) ? url : undefined };
}

export function moveDelayMs(random = Math.random): number {
  return Math.round(random() * spreadMs);
}

function isBase(url: string): boolean {
  return URL.canParse(url) && /^(https?|wss?):$/.test(new URL(url).protocol);
}
