import { invariant } from '../error/index.ts';

/** Handlers by path prefix; a role mounts a handful, so a sorted list beats a tree. */
export class Mounts<Handler> {
  #entries: readonly { readonly prefix: string; readonly handler: Handler }[] = [];

  /** Mounts `handler` under whole path segments: `/v1` takes `/v1` and `/v1/rooms`, not `/v10`. */
  add(prefix: string, handler: Handler): () => void {
    const trimmed = prefix.replace(/\/+$/, '');
    invariant(trimmed === '' || trimmed.startsWith('/'), `prefix ${prefix} begins with a slash`);
    invariant(!this.#entries.some((entry) => entry.prefix === trimmed), `prefix ${prefix} is mounted once`);
    const entry = { prefix: trimmed, handler };
    this.#entries = [...this.#entries, entry].toSorted((a, b) => b.prefix.length - a.prefix.length);
    return () => {
      this.#entries = this.#entries.filter((candidate) => candidate !== entry);
    };
  }

  /** The handler with the longest prefix of the request target's path. */
  find(target: string): Handler | undefined {
    for (const { prefix, handler } of this.#entries) {
      if (target.startsWith(prefix) && endsSegment(target.charCodeAt(prefix.length))) return handler;
    }
    return undefined;
  }
}

/** True at the end of the target, a slash or the query. */
function endsSegment(code: number): boolean {
  return Number.isNaN(code) || code === 0x2f || code === 0x3f;
}
