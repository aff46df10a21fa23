import { expect, test } from 'vitest';
import { PgoutputDecoder, type Message } from './pgoutput.ts';

type Part = number | string | Buffer;

/** Numbers are bytes, strings are zero-terminated. */
function bytesOf(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.from([part]);
      return typeof part === 'string' ? Buffer.from(`${part}\0`) : part;
    }),
  );
}

const letter = (text: string): number => text.charCodeAt(0);
const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
function int64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
const text = (value: string): Buffer =>
  bytesOf(letter('t'), int32(Buffer.byteLength(value)), Buffer.from(value));

const columns = [
  ['shard', 21],
  ['id', 20],
  ['title', 25],
  ['live', 16],
  ['hash', 17],
  ['share', 701],
] as const;

const described = bytesOf(
  letter('R'),
  int32(77),
  'public',
  'room',
  letter('d'),
  int16(columns.length),
  ...columns.flatMap(([name, oid], i) => [i < 2 ? 1 : 0, name, int32(oid), int32(0xffff_ffff)]),
);
const tuple = (...values: readonly Buffer[]): Buffer => bytesOf(int16(values.length), ...values);
const nothing = Buffer.from('n');
const untouched = Buffer.from('u');
const full = tuple(
  text('17'),
  text('9007199254740991'),
  text('größer'),
  text('t'),
  text('\\x00ff'),
  text('0.5'),
);
const key = tuple(text('17'), text('-5'), nothing, nothing, nothing, nothing);

const vectors: readonly (readonly [name: string, bytes: Buffer, message: object])[] = [
  [
    'begin',
    bytesOf(letter('B'), int64(4_294_967_297), int64(1_000_000), int32(5)),
    { kind: 'begin', commitLsn: 4_294_967_297, committedAtMs: 946_684_801_000 },
  ],
  [
    'commit',
    bytesOf(letter('C'), 0, int64(4_294_967_297), int64(4_294_967_400), int64(1_000_000)),
    { kind: 'commit', commitLsn: 4_294_967_297, endLsn: 4_294_967_400 },
  ],
  [
    'insert',
    bytesOf(letter('I'), int32(77), letter('N'), full),
    { kind: 'insert', row: [17, 9007199254740991, 'größer', true, Buffer.from([0, 255]), 0.5] },
  ],
  [
    'update with a large value that it did not touch',
    bytesOf(
      letter('U'),
      int32(77),
      letter('N'),
      tuple(text('17'), text('-5'), untouched, text('f'), nothing, text('1')),
    ),
    { kind: 'update', old: undefined, row: [17, -5, undefined, false, null, 1] },
  ],
  [
    'update of the key',
    bytesOf(letter('U'), int32(77), letter('K'), key, letter('N'), full),
    { kind: 'update', old: [17, -5, null, null, null, null] },
  ],
  [
    'delete',
    bytesOf(letter('D'), int32(77), letter('K'), key),
    { kind: 'delete', old: [17, -5, null, null, null, null] },
  ],
  [
    'truncate',
    bytesOf(letter('T'), int32(1), 0, int32(77)),
    { kind: 'truncate', relations: [{ name: 'room' }] },
  ],
  ['origin', bytesOf(letter('O'), int64(7), 'elsewhere'), { kind: 'other' }],
  ['type', bytesOf(letter('Y'), int32(9), 'public', 'mood'), { kind: 'other' }],
  [
    'logical message',
    bytesOf(letter('M'), 1, int64(9), 'gala', int32(3), Buffer.from('abc')),
    { kind: 'logical', prefix: 'gala', content: Buffer.from('abc') },
  ],
];

function decoder(): PgoutputDecoder {
  const made = new PgoutputDecoder({ values: 'typed' });
  made.decode(described, 0, described.length);
  return made;
}

test.each(vectors)('%s', (_name, bytes, message) => {
  const framed = bytesOf(1, 2, 3, bytes, 4);
  const decoded = decoder().decode(framed, 3, 3 + bytes.length);
  expect(decoded).toMatchObject(message);
  framed.fill(0xaa);
  expect(decoded, 'shares no memory with the input').toMatchObject(message);
});

test('as text every value is what the server wrote', () => {
  const plain = new PgoutputDecoder({ values: 'text' });
  plain.decode(described, 0, described.length);
  const bytes = bytesOf(letter('I'), int32(77), letter('N'), full);
  const row = ['17', '9007199254740991', 'größer', 't', '\\x00ff', '0.5'];
  expect(plain.decode(bytes, 0, bytes.length)).toMatchObject({ row });
});

test('a relation that changed is read by its new description', () => {
  const made = decoder();
  const next = bytesOf(
    letter('R'),
    int32(77),
    'public',
    'room',
    letter('d'),
    int16(1),
    1,
    'id',
    int32(20),
    int32(0),
  );
  made.decode(next, 0, next.length);
  const bytes = bytesOf(letter('I'), int32(77), letter('N'), tuple(text('4')));
  expect(made.decode(bytes, 0, bytes.length)).toMatchObject({ row: [4] });
});

test.each([
  [
    'an integer that would be rounded',
    bytesOf(letter('I'), int32(77), letter('N'), tuple(...Array<Buffer>(6).fill(text('9007199254740993')))),
  ],
  ['an unknown relation', bytesOf(letter('T'), int32(1), 0, int32(78))],
  ['a count that is a lie', bytesOf(letter('T'), int32(0xffff_ffff), 0, int32(77))],
  ['bytes left over', bytesOf(vectors[0][1], 0)],
  ['an unknown type', bytesOf(letter('Q'))],
  ['nothing', Buffer.alloc(0)],
])('%s is refused', (_name, bytes) => {
  expect(() => decoder().decode(bytes, 0, bytes.length)).toThrow(
    expect.objectContaining({ code: 'CHANGES_MALFORMED' }),
  );
});

/** Deterministic, so that a failure can be had again. */
function* numbers(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state >>> 8;
  }
}

test('10^4 damaged messages never throw anything else and hold no more than they carry', () => {
  const random = numbers(7);
  const next = (below: number): number => random.next().value % below;
  const sources = [described, ...vectors.map(([, bytes]) => bytes)];
  const seen = { read: 0, refused: 0 };
  for (let i = 0; i < 10_000; i++) {
    const bytes = Buffer.from(sources[next(sources.length)]);
    for (let damage = 1 + next(4); damage > 0; damage--) bytes[next(bytes.length)] = next(256);
    const end = next(4) === 0 ? next(bytes.length) : bytes.length;
    try {
      expect(weightOf(decoder().decode(bytes, 0, end))).toBeLessThan(2000);
      seen.read++;
    } catch (error) {
      expect(error).toMatchObject({ code: 'CHANGES_MALFORMED' });
      seen.refused++;
    }
  }
  expect(seen.read).toBeGreaterThan(500);
  expect(seen.refused).toBeGreaterThan(500);
});

function weightOf(message: Message): number {
  return JSON.stringify(message).length;
}
