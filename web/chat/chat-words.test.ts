import { expect, test } from 'vitest';
import { protocolErrors } from '@gala/protocol/errors';
import { sayRefusal } from './refusal.ts';
import { readTicket } from './ticket.ts';
import type { Say } from './chat-words.tsx';
import { en } from './chat-words-en.ts';
import { zh } from './chat-words-zh.ts';

const namesIn = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([name]) => name).sort();
const say: Say = (word, values = {}) =>
  en[word].replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));

test('both languages have the same words, none of them empty, with the same names to fill in', () => {
  expect(Object.keys(zh)).toEqual(Object.keys(en));
  for (const [word, text] of Object.entries(zh)) {
    expect(text.trim(), word).not.toBe('');
    expect(namesIn(text), word).toEqual(namesIn(en[word as keyof typeof en]));
  }
});

test('every code that has words is one of the protocol, or of the client', () => {
  const codes = Object.keys(en).flatMap((word) => /^code\.([A-Z_]+)$/.exec(word)?.[1] ?? []);
  const own = ['NETWORK_LOST', 'TIMEOUT'];
  expect(codes.filter((code) => !(code in protocolErrors) && !own.includes(code))).toEqual([]);
  for (const code of codes) expect(sayRefusal(say, code), code).toBe(en[`code.${code}` as keyof typeof en]);
});

test('a refusal says how long it lasts, and an unexpected one its code', () => {
  expect(sayRefusal(say, 'SLOW_MODE', 4)).toBe('Slow mode is on. Wait 4 s.');
  expect(sayRefusal(say, 'MUTED', 599)).toBe('You are muted in this room. Time left: 9:59.');
  expect(sayRefusal(say, 'toString')).toContain('toString');
});

test('a ticket says who one is, whatever the name is written in', () => {
  const body = Buffer.from(JSON.stringify({ sub: 7, name: '小明?>~', role: 'moderator' })).toString(
    'base64url',
  );
  expect(readTicket(`x.${body}.y`)).toEqual({ userId: 7, name: '小明?>~', role: 'moderator' });
  expect(readTicket('no ticket')).toEqual({ userId: 0, name: '', role: 'viewer' });
});
