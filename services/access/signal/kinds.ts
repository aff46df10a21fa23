import type { ClientFilter, ClientKind } from '@gala/protocol/signals';

/** Kinds that are told apart at once in one process; clients of others get what is for all. */
const kindsMax = 64;

/** A kind of clients, as long as there are some. */
export interface Kind {
  /** 0 for those that are not told apart; never given twice, since what was made for one outlives it. */
  readonly index: number;
  readonly client: ClientKind;
}

/** Of clients beyond the bound: what is for named kinds is not for them. */
export const anyKind: Kind = { index: 0, client: { platform: '', version: 0, capabilities: [] } };

interface Counted extends Kind {
  readonly key: string;
  clients: number;
}

/** The kinds of clients that are connected, so that messages are made once for each and not for each client. */
export class Kinds {
  readonly #byKey = new Map<string, Counted>();
  #lastIndex = 0;
  /** Clients that came when the bound was reached. */
  others = 0;

  get size(): number {
    return this.#byKey.size;
  }

  /** Give it back by `leave`. */
  enter(client: ClientKind): Kind {
    const key = keyOf(client);
    const known = this.#byKey.get(key);
    if (known) {
      known.clients++;
      return known;
    }
    if (this.#byKey.size >= kindsMax) {
      this.others++;
      return anyKind;
    }
    const kind: Counted = { index: ++this.#lastIndex, client, key, clients: 1 };
    this.#byKey.set(key, kind);
    return kind;
  }

  leave(kind: Kind): void {
    if (kind.index === 0) return;
    const counted = kind as Counted;
    if (--counted.clients === 0) this.#byKey.delete(counted.key);
  }
}

/** True when what has this filter is for clients of this kind. */
export function isFor({ client }: Kind, filter: ClientFilter | undefined): boolean {
  if (!filter) return true;
  const { platforms, versionMin, capability } = filter;
  if (platforms.length > 0 && !platforms.includes(client.platform)) return false;
  if (client.version < versionMin) return false;
  return capability === '' || client.capabilities.includes(capability);
}

function keyOf({ platform, version, capabilities }: ClientKind): string {
  return JSON.stringify([platform, version, [...capabilities].sort()]);
}
