import { createHash } from 'node:crypto';
import type { Caches } from '@gala/lib/cache';
import { respondJson, type HttpListener } from '@gala/lib/http';

/** Keys of one answer, those read most. */
const keysMax = 100;
/** Ids, and what is made of ids. */
const idPattern = /^\d{1,20}(?:[:.-]\d{1,20}){0,3}$/;

/**
 * `/hot-keys`: what all processes together read very often, as far as this process has caches of it:
 * `{ keys: [{ cache, key, readsPerSecond, hotMs }] }`.
 */
export function serveHotKeys(listener: HttpListener, caches: Pick<Caches, 'hotKeys'>): void {
  listener.mount('/hot-keys', (_request, response) => {
    const keys = caches.hotKeys().slice(0, keysMax);
    respondJson(response, { keys: keys.map((hot) => ({ ...hot, key: shownKey(hot.key) })) });
  });
}

/** A key that is no id may be a secret, such as a token that is looked up: it is shown by its hash. */
export function shownKey(key: string): string {
  if (idPattern.test(key)) return key;
  return `#${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
}
