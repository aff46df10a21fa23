import { randomFillSync } from 'node:crypto';
import type { Tag } from './tag.ts';

let sequence = 0;

/** A tag for tests of what does not look into tags: random bytes of `size`, unique sequence. */
export function makeTag(traits: Partial<Omit<Tag, 'bytes'>> & { size?: number }): Tag {
  const { size = 64, ...rest } = traits;
  sequence++;
  return {
    kind: 'video',
    sequence,
    timestampMs: sequence,
    keyFrame: false,
    sequenceHeader: false,
    disposable: false,
    ...rest,
    bytes: randomFillSync(Buffer.alloc(size)),
  };
}
