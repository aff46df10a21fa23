import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answersOf, content, expectedOf, type Case } from './testing/cases.ts';
import { EchoServer } from './testing/echo-server.ts';
import { clientFrame as frame, closePayload } from './testing/raw-peer.ts';

/**
 * Goal: a connection keeps RFC 6455, message by message, whatever a client sends.
 * Method: bare sockets send the bytes of a case to a real server that echoes; all that comes back is compared.
 */

const [continuation, text, binary, close, ping, pong] = [0, 1, 2, 8, 9, 10];
const opcodeNames: Readonly<Record<number, string>> = {
  [continuation]: 'continuation',
  [text]: 'text',
  [binary]: 'binary',
  [close]: 'close',
  [ping]: 'ping',
  [pong]: 'pong',
};
const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex');
/** The bytes of a message in fragments, cut at each of `size` bytes. */
function fragments(opcode: number, payload: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let offset = 0; offset < payload.length; offset += size)
    parts.push(payload.subarray(offset, offset + size));
  return parts.map((part, index) =>
    frame(index === 0 ? opcode : continuation, part, { fin: index === parts.length - 1 }),
  );
}

const lengths: Case[] = [text, binary].flatMap((opcode) =>
  [0, 1, 125, 126, 127, 128, 65_535, 65_536, 100_000].flatMap((size): Case[] => {
    const payload = Buffer.alloc(size, '*');
    const title = `5.2 ${opcodeNames[opcode]} of ${size} B`;
    const answers = [`${opcodeNames[opcode]} ${content(payload)}`];
    const chop = size < 200 ? 1 : 997;
    return [
      { title, send: [frame(opcode, payload)], answers },
      { title: `${title}, ${chop} B at a time`, send: [frame(opcode, payload)], answers, chop },
    ];
  }),
);

const framing: Case[] = [
  ...lengths,
  {
    title: '5.2 a longer length field than needed',
    send: [frame(text, 'a', { lengthBytes: 2 }), frame(text, 'b', { lengthBytes: 8 })],
    answers: ['text a', 'text b'],
  },
  { title: '5.2 a length above 2^63', send: [hex('82ff ffffffffffffffff 00000000')], answers: [1009] },
  { title: '5.2 a length above 2^53', send: [hex('82ff 0020000000000000 00000000')], answers: [1009] },
  {
    title: '5.3 a mask of zeros',
    send: [frame(text, 'plain', { mask: [0, 0, 0, 0] })],
    answers: ['text plain'],
  },
  {
    title: '5.3 a mask of ones',
    send: [frame(text, 'ones', { mask: [255, 255, 255, 255] })],
    answers: ['text ones'],
  },
  {
    title: '5.3 another mask for each frame',
    send: [frame(text, 'a', { mask: [1, 2, 3, 4] }), frame(text, 'b', { mask: [9, 8, 7, 6] })],
    answers: ['text a', 'text b'],
  },
  ...[text, binary, close, ping, pong].map((opcode): Case => ({
    title: `5.1 an unmasked ${opcodeNames[opcode]}`,
    send: [frame(opcode, '', { masked: false })],
    answers: [1002],
  })),
  {
    title: '5.1 an unmasked message behind a masked one',
    send: [frame(text, 'a'), frame(text, 'b', { masked: false })],
    answers: ['text a', 1002],
  },
  {
    title: '6.1 a hundred messages in one packet',
    send: Array.from({ length: 100 }, (_, index) => frame(text, `${index}`)),
    answers: Array.from({ length: 100 }, (_, index) => `text ${index}`),
  },
];

const tenPings = Array.from({ length: 10 }, (_, index) => frame(ping, `ping ${index}`));
const tenPongs = Array.from({ length: 10 }, (_, index) => `pong ping ${index}`);
const longest = 'x'.repeat(125);
const pings: Case[] = [
  { title: '5.5.2 a ping without data', send: [frame(ping)], answers: ['pong '] },
  { title: '5.5.2 a ping with text', send: [frame(ping, 'hello')], answers: ['pong hello'] },
  {
    title: '5.5.2 a ping with bytes',
    send: [frame(ping, hex('00fffefdfcfb00ff'))],
    answers: ['pong 00fffefdfcfb00ff'],
  },
  { title: '5.5.2 a ping of 125 B', send: [frame(ping, longest)], answers: [`pong ${longest}`] },
  {
    title: '5.5.2 a ping of 125 B, byte by byte',
    send: [frame(ping, longest)],
    answers: [`pong ${longest}`],
    chop: 1,
  },
  ...[ping, pong, close].map((opcode): Case => ({
    title: `5.5 a ${opcodeNames[opcode]} of 126 B`,
    send: [frame(opcode, Buffer.alloc(126, 'x'))],
    answers: [1002],
  })),
  { title: '5.5.2 ten pings', send: tenPings, answers: tenPongs },
  { title: '5.5.2 ten pings, byte by byte', send: tenPings, answers: tenPongs, chop: 1 },
  { title: '5.5.3 a pong that nobody asked for', send: [frame(pong)], answers: [] },
  { title: '5.5.3 a pong with data that nobody asked for', send: [frame(pong, 'unsolicited')], answers: [] },
  {
    title: '5.5.3 a pong that nobody asked for, then a ping',
    send: [frame(pong, 'unsolicited'), frame(ping, 'a')],
    answers: ['pong a'],
  },
  {
    title: '5.5.2 a ping between two messages',
    send: [frame(text, 'a'), frame(ping, 'p'), frame(text, 'b')],
    answers: ['text a', 'pong p', 'text b'],
  },
];

const reserved: Case[] = [1, 2, 3, 4, 5, 6, 7].flatMap((bits) => [
  ...[text, binary, close, ping, pong].map((opcode): Case => ({
    title: `5.2 reserved bits ${bits.toString(2).padStart(3, '0')} on a ${opcodeNames[opcode]}`,
    send: [frame(opcode, '', { reserved: bits })],
    answers: [1002],
  })),
  {
    title: `5.2 reserved bits ${bits.toString(2).padStart(3, '0')} on a continuation, behind a message`,
    send: [frame(text, 'a'), frame(text, 'b', { fin: false }), frame(continuation, 'c', { reserved: bits })],
    answers: ['text a', 1002],
  },
]);

const opcodes: Case[] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode): Case[] => [
  { title: `5.2 opcode ${opcode}`, send: [frame(opcode)], answers: [1002] },
  {
    title: `5.2 opcode ${opcode} with data, behind a message`,
    send: [frame(text, 'a'), frame(opcode, 'b'), frame(ping)],
    answers: ['text a', 1002],
  },
]);

const part = (opcode: number, payload: string): Buffer => frame(opcode, payload, { fin: false });
const fragmentation: Case[] = [
  ...[ping, pong, close].map((opcode): Case => ({
    title: `5.4 a ${opcodeNames[opcode]} in fragments`,
    send: [part(opcode, 'ab'), frame(continuation, 'cd')],
    answers: [1002],
  })),
  ...[text, binary].map((opcode): Case => ({
    title: `5.4 a ${opcodeNames[opcode]} in two fragments`,
    send: [part(opcode, 'ab'), frame(continuation, 'cd')],
    answers: [`${opcodeNames[opcode]} abcd`],
  })),
  {
    title: '5.4 a fragment a byte',
    send: fragments(text, Buffer.from('fragmentation'), 1),
    answers: ['text fragmentation'],
  },
  {
    title: '5.4 a fragment a byte, byte by byte',
    send: fragments(text, Buffer.from('fragmentation'), 1),
    answers: ['text fragmentation'],
    chop: 1,
  },
  {
    title: '5.4 only empty fragments',
    send: [part(text, ''), part(continuation, ''), frame(continuation)],
    answers: ['text '],
  },
  {
    title: '5.4 empty first and last fragments',
    send: [part(text, ''), part(continuation, 'a'), frame(continuation)],
    answers: ['text a'],
  },
  {
    title: '5.4 a ping between fragments',
    send: [part(text, 'a'), frame(ping, 'mid'), frame(continuation, 'b')],
    answers: ['pong mid', 'text ab'],
  },
  {
    title: '5.4 pings between many fragments',
    send: [
      part(text, 'a'),
      frame(ping, '1'),
      part(continuation, 'b'),
      frame(ping, '2'),
      frame(continuation, 'c'),
    ],
    answers: ['pong 1', 'pong 2', 'text abc'],
  },
  {
    title: '5.4 a pong between fragments',
    send: [part(text, 'a'), frame(pong, 'x'), frame(continuation, 'b')],
    answers: ['text ab'],
  },
  {
    title: '5.4 two messages in fragments',
    send: [part(text, 'a'), frame(continuation, 'b'), part(binary, 'c'), frame(continuation, 'd')],
    answers: ['text ab', 'binary cd'],
  },
  { title: '5.4 the last fragment of nothing', send: [frame(continuation, 'a')], answers: [1002] },
  {
    title: '5.4 a first fragment that continues nothing',
    send: [part(continuation, 'a'), frame(continuation, 'b')],
    answers: [1002],
  },
  {
    title: '5.4 a continuation behind a whole message',
    send: [frame(text, 'a'), frame(continuation, 'b')],
    answers: ['text a', 1002],
  },
  {
    title: '5.4 a continuation behind the last fragment',
    send: [part(text, 'a'), frame(continuation, 'b'), frame(continuation, 'c')],
    answers: ['text ab', 1002],
  },
  { title: '5.4 a message within another', send: [part(text, 'a'), frame(text, 'b')], answers: [1002] },
  {
    title: '5.4 a message in fragments within another',
    send: [part(text, 'a'), part(binary, 'b')],
    answers: [1002],
  },
  {
    title: '5.4 a close between fragments',
    send: [part(text, 'a'), frame(close, closePayload(1001))],
    answers: [1001],
  },
];

const validTexts: Readonly<Record<string, string>> = {
  'one of two bytes': 'c2 80',
  'U+07FF': 'df bf',
  'U+0800': 'e0 a0 80',
  'U+D7FF': 'ed 9f bf',
  'U+E000': 'ee 80 80',
  'U+FFFD': 'ef bf bd',
  'U+FFFE, no character but valid': 'ef bf be',
  'U+FFFF, no character but valid': 'ef bf bf',
  'U+10000': 'f0 90 80 80',
  'U+1FFFF, no character but valid': 'f0 9f bf bf',
  'U+10FFFF': 'f4 8f bf bf',
  'U+0000': '00',
  Greek: 'ce ba e1 bd b9 cf 83 ce bc ce b5',
  Chinese: 'e7 9b b4 e6 92 ad e9 97 b4',
  'an emoji of four code points': 'f0 9f 91 a9 e2 80 8d f0 9f 9a 80',
};

const invalidTexts: Readonly<Record<string, string>> = {
  'a lone continuation byte': '80',
  'the last continuation byte': 'bf',
  'six continuation bytes': '80 bf 80 bf 80 bf',
  'a start of two bytes alone': 'c3',
  'a start of two bytes and a space': 'c3 20',
  'a sequence of three bytes without its last': 'e2 82',
  'a sequence of four bytes without its last': 'f0 9f 98',
  'a sequence of three bytes cut by ASCII': 'e2 82 61',
  'overlong slash of two bytes': 'c0 af',
  'overlong slash of three bytes': 'e0 80 af',
  'overlong slash of four bytes': 'f0 80 80 af',
  'the longest overlong of two bytes': 'c1 bf',
  'the longest overlong of three bytes': 'e0 9f bf',
  'the longest overlong of four bytes': 'f0 8f bf bf',
  'overlong zero': 'c0 80',
  'the first surrogate': 'ed a0 80',
  'the last surrogate': 'ed bf bf',
  'a pair of surrogates': 'ed a0 bd ed b8 80',
  'above U+10FFFF': 'f4 90 80 80',
  'a start byte f5': 'f5 80 80 80',
  'a sequence of five bytes': 'f8 88 80 80 80',
  'a sequence of six bytes': 'fc 84 80 80 80 80',
  'byte fe': 'fe',
  'byte ff': 'ff',
  'Greek with a surrogate in it': 'ce ba e1 bd b9 ed a0 80 65 64',
};

// Long texts are checked by other code than short ones.
const padding = Buffer.from('a text that is longer than 24 bytes: ');
const utf8: Case[] = [
  ...Object.entries(validTexts).flatMap(([name, digits]): Case[] => {
    const payload = hex(digits);
    const padded = Buffer.concat([padding, payload]);
    return [
      { title: `8.1 ${name}`, send: [frame(text, payload)], answers: [`text ${content(payload)}`] },
      {
        title: `8.1 ${name} behind ASCII`,
        send: [frame(text, padded)],
        answers: [`text ${content(padded)}`],
      },
      {
        title: `5.6 ${name}, cut into fragments within code points`,
        send: fragments(text, payload, 1),
        answers: [`text ${content(payload)}`],
      },
    ];
  }),
  ...Object.entries(invalidTexts).flatMap(([name, digits]): Case[] => {
    const payload = hex(digits);
    return [
      { title: `8.1 ${name}`, send: [frame(text, payload)], answers: [1007] },
      {
        title: `8.1 ${name} behind ASCII`,
        send: [frame(text, Buffer.concat([padding, payload]))],
        answers: [1007],
      },
      { title: `8.1 ${name}, cut into fragments`, send: fragments(text, payload, 1), answers: [1007] },
      {
        title: `5.6 ${name} in a binary message`,
        send: [frame(binary, payload)],
        answers: [`binary ${content(payload)}`],
      },
    ];
  }),
  {
    title: '8.1 an invalid first fragment is never echoed',
    send: [frame(text, hex('ff'), { fin: false }), frame(continuation, 'valid'), frame(text, 'next')],
    answers: [1007],
  },
  {
    title: '8.1 a valid message before an invalid one',
    send: [frame(text, 'a'), frame(text, hex('ff'))],
    answers: ['text a', 1007],
  },
];

const sentCodes = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
];
const unsentCodes = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
const closing: Case[] = [
  { title: '5.5.1 a close without a body', send: [frame(close)], answers: [1005] },
  { title: '5.5.1 a close with half a status', send: [frame(close, hex('03'))], answers: [1002] },
  ...sentCodes.map((code): Case => ({
    title: `7.4 status ${code}`,
    send: [frame(close, closePayload(code, 'bye'))],
    answers: [code],
  })),
  ...unsentCodes.map((code): Case => ({
    title: `7.4 status ${code} is none to be sent`,
    send: [frame(close, closePayload(code))],
    answers: [1002],
  })),
  {
    title: '5.5.1 the longest reason',
    send: [frame(close, closePayload(1000, 'x'.repeat(123)))],
    answers: [1000],
  },
  {
    title: '5.5.1 the longest reason, byte by byte',
    send: [frame(close, closePayload(1000, 'x'.repeat(123)))],
    answers: [1000],
    chop: 1,
  },
  {
    title: '8.1 a reason that is no UTF-8',
    send: [frame(close, closePayload(1000, hex('ce ba ed a0 80')))],
    answers: [1007],
  },
  {
    title: '5.5.1 a ping behind the close',
    send: [frame(close, closePayload(1000)), frame(ping, 'late')],
    answers: [1000],
  },
  {
    title: '5.5.1 a message behind the close',
    send: [frame(close, closePayload(1000)), frame(text, 'late')],
    answers: [1000],
  },
  {
    title: '5.5.1 two closes',
    send: [frame(close, closePayload(1001)), frame(close, closePayload(1000))],
    answers: [1001],
  },
  {
    title: '7.1.7 nothing is read behind an error',
    send: [frame(3), frame(text, 'late'), frame(ping)],
    answers: [1002],
  },
  {
    title: '7.1.7 the messages before an error are echoed',
    send: [frame(text, 'a'), frame(binary, 'b'), frame(15)],
    answers: ['text a', 'binary b', 1002],
  },
];

const limited: Case[] = [
  {
    title: '7.4.1 a message of the limit',
    send: [frame(binary, Buffer.alloc(1000))],
    answers: ['binary of 1000 B'],
  },
  { title: '7.4.1 a message over the limit', send: [frame(binary, Buffer.alloc(1001))], answers: [1009] },
  {
    title: '7.4.1 one that is only announced',
    send: [hex('82ff 0000000040000000 00000000')],
    answers: [1009],
  },
  {
    title: '7.4.1 fragments over the limit together',
    send: fragments(text, Buffer.alloc(1200, 'x'), 300),
    answers: [1009],
  },
  {
    title: '10.4 as many fragments as the limit',
    send: fragments(text, Buffer.from('12345678'), 1),
    answers: ['text 12345678'],
  },
  {
    title: '10.4 more fragments than the limit',
    send: fragments(text, Buffer.from('123456789'), 1),
    answers: [1008],
  },
  {
    title: '10.4 empty fragments count',
    send: [part(text, ''), ...Array.from({ length: 20 }, () => part(continuation, ''))],
    answers: [1008],
  },
  {
    title: '10.4 pings between fragments do not count',
    send: [part(text, 'a'), ...Array.from({ length: 12 }, () => frame(pong)), frame(continuation, 'b')],
    answers: ['text ab'],
  },
];

const generous = { messageBytesMax: 1 << 20, bytesPerSecondMax: 1e9, burstBytes: 1e9 };
const groups = { framing, pings, reserved, opcodes, fragmentation, utf8, closing };

describe.each(Object.entries(groups))('RFC 6455, %s', (_, cases) => {
  let server: EchoServer;
  beforeAll(async () => void (server = await EchoServer.start(generous)));
  afterAll(() => server[Symbol.asyncDispose]());

  test.concurrent.each(cases)('$title', async (one) => {
    expect(await answersOf(server.port, one)).toEqual(expectedOf(one));
  });
});

describe('RFC 6455, limits', () => {
  let server: EchoServer;
  beforeAll(async () => {
    server = await EchoServer.start({ ...generous, messageBytesMax: 1000, fragmentsMax: 8 });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.concurrent.each(limited)('$title', async (one) => {
    expect(await answersOf(server.port, one)).toEqual(expectedOf(one));
  });
});
