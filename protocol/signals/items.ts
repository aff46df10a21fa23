import { type ByteReader, type ByteWriter, parseJson } from './bytes.ts';
import { isRoomRules } from './shapes.ts';
import type { Author, Signal } from './signal.ts';

/** Authors of a section, each once; items name them by their place. */
export interface Authors {
  indexOf(author: Author): number;
}

type SignalOf<Type extends Signal['type']> = Extract<Signal, { readonly type: Type }>;
/** What a type has beside what all signals have. */
type OwnFields<Type extends Signal['type']> = Omit<
  SignalOf<Type>,
  'class' | 'offset' | 'atMs' | 'signalId' | 'mediaMs' | 'filter' | 'type'
>;

interface ItemCodec<Type extends Signal['type']> {
  /** In the bytes; never given to another type. */
  readonly code: number;
  write(out: ByteWriter, signal: SignalOf<Type>, authors: Authors): void;
  read(from: ByteReader, authors: readonly Author[]): OwnFields<Type>;
}

type ItemCodecs = { readonly [Type in Signal['type']]: ItemCodec<Type> };

/** Fields of each type, in the order of the bytes (docs/signals.md); later ones are added at the end. */
export const itemCodecs: ItemCodecs = {
  comment: {
    code: 1,
    write: (out, { author, count, text }, authors) => {
      out.number(authors.indexOf(author));
      out.number(count);
      out.text(text);
    },
    read: (from, authors) => ({ author: pick(authors, from), count: from.number(), text: from.text() }),
  },
  like: {
    code: 2,
    write: (out, { count }) => out.number(count),
    read: (from) => ({ count: from.number() }),
  },
  enter: {
    code: 3,
    write: (out, { author, count }, authors) => {
      out.number(authors.indexOf(author));
      out.number(count);
    },
    read: (from, authors) => ({ author: pick(authors, from), count: from.number() }),
  },
  follow: {
    code: 4,
    write: (out, { author }, authors) => out.number(authors.indexOf(author)),
    read: (from, authors) => ({ author: pick(authors, from) }),
  },
  gift: {
    code: 5,
    write: (out, { author, count, giftId, entryId }, authors) => {
      out.number(authors.indexOf(author));
      out.number(count);
      out.text(giftId);
      out.text(entryId);
    },
    read: (from, authors) => ({
      author: pick(authors, from),
      count: from.number(),
      giftId: from.text(),
      entryId: from.text(),
    }),
  },
  retract: {
    code: 6,
    write: (out, { retracted }) => out.text(retracted),
    read: (from) => ({ retracted: from.text() }),
  },
  mute: {
    code: 7,
    write: (out, { userId, untilMs, removes }) => {
      out.number(userId);
      out.number(untilMs);
      out.number(removes ? 1 : 0);
    },
    read: (from) => ({ userId: from.number(), untilMs: from.number(), removes: from.number() !== 0 }),
  },
  rules: {
    code: 8,
    write: (out, { rules }) => out.text(JSON.stringify(rules)),
    read: (from) => {
      const rules = parseJson(from.text());
      if (!isRoomRules(rules)) throw new RangeError('rules are not those of a room');
      return { rules };
    },
  },
  ended: { code: 9, write: () => {}, read: () => ({}) },
  notice: {
    code: 10,
    write: (out, { name, data }) => {
      out.text(name);
      out.text(JSON.stringify(data ?? null));
    },
    read: (from) => ({ name: from.text(), data: parseJson(from.text()) }),
  },
};

const typesByCode = new Map(
  (Object.keys(itemCodecs) as Signal['type'][]).map((type) => [itemCodecs[type].code, type]),
);

/** Undefined for a type that this version does not know. */
export function typeOfCode(code: number): Signal['type'] | undefined {
  return typesByCode.get(code);
}

function pick(authors: readonly Author[], from: ByteReader): Author {
  const author = authors[from.number()];
  if (!author) throw new RangeError('an item names an author that is not in its section');
  return author;
}
