import { systemClock, type Clock } from '@gala/lib/clock';
import { collectionsSection, openCollections, type Collections } from '@gala/lib/collections';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import type { Author, Signal, SignalClass } from '@gala/protocol/signals';

/** The same numbers from 0 to 1 for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function authorOf(userId: number): Author {
  return { userId, name: `user ${userId}`, role: 'viewer' };
}

type Said<Kind extends Signal['type']> = Partial<Extract<Signal, { type: Kind }>>;

/** Makes signals as the owner of a room does: each with the next offset, named by it. */
export class Sayings {
  offset = 0;

  comment(userId: number, text: string, more: Said<'comment'> = {}): Signal {
    return { type: 'comment', author: authorOf(userId), text, count: 1, ...this.#base('member'), ...more };
  }

  like(count = 1, more: Said<'like'> = {}): Signal {
    return { type: 'like', count, ...this.#base('ambient'), ...more };
  }

  enter(userId: number, more: Said<'enter'> = {}): Signal {
    return { type: 'enter', author: authorOf(userId), count: 1, ...this.#base('ambient'), ...more };
  }

  gift(userId: number, more: Said<'gift'> = {}): Signal {
    const gift = { type: 'gift', giftId: 'rose', count: 1, entryId: '' } as const;
    return { ...gift, author: authorOf(userId), ...this.#base('money'), ...more };
  }

  mute(userId: number, more: Said<'mute'> = {}): Signal {
    return { type: 'mute', userId, untilMs: 0, removes: true, ...this.#base('control'), ...more };
  }

  notice(signalClass: SignalClass, name = 'notice'): Signal {
    return { type: 'notice', name, data: {}, ...this.#base(signalClass) };
  }

  #base<Class extends SignalClass>(signalClass: Class) {
    const offset = ++this.offset;
    return { class: signalClass, offset, atMs: 1_700_000_000_000 + offset, signalId: `s${offset}` };
  }
}

/** Collections in memory, as an installation has that is one machine. */
export function openTestCollections(clock: Clock = systemClock): Promise<Collections> {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const config = collectionsSection.schema.parse({ writesPerSecondMax: 1_000_000 });
  return openCollections({ config, clock, logger, metrics: createMetrics('test') });
}
