import { describe, expect, test } from 'vitest';
import { parseClientMessage } from './client-messages.ts';
import { encodeBatch } from './codec.ts';
import { encodeSections } from './fixtures/arbitraries.ts';
import type { ClientMessage, ServerMessage } from './messages.ts';
import { formatPlace, parsePlace, pullPath } from './page-paths.ts';
import { decodePage, encodePage, parsePage, type SignalPage } from './page.ts';
import { readServerMessage, stringifyServerMessage } from './server-messages.ts';
import type { Batch, RoomRules } from './signal.ts';

const client = { platform: 'web', version: 3, capabilities: ['gift-combo'] };
const rules: RoomRules = {
  slowModeSeconds: 3,
  followersOnly: false,
  emoteOnly: false,
  uniqueChat: true,
  holdsAll: false,
  isClosed: false,
  delivery: 'push',
};
const part = { name: 'viewers', version: 4, stateVersion: 9, value: { count: 12, isApproximate: false } };
const like = { type: 'like', class: 'ambient', offset: 5, atMs: 1000, signalId: '', count: 3 } as const;
const batch: Batch = {
  epoch: 2,
  from: 4,
  to: 5,
  atMs: 1000,
  stateVersion: 9,
  durable: 3,
  tier: 'full',
  counts: [{ class: 'ambient', offered: 2, merged: 1, shed: 0 }],
  signals: [like],
  state: [part],
};

const said: readonly ClientMessage[] = [
  { type: 'hello', ticket: 'a.b.c', client },
  { type: 'hello', ticket: 'a.b.c', client, resume: { epoch: 2, offset: 9, durable: 3, stateVersion: 4 } },
  { type: 'send', id: '1', signal: { type: 'comment', text: 'hi', mediaMs: 5 } },
  { type: 'send', id: '2', signal: { type: 'like', count: 9 } },
  { type: 'send', id: '3', signal: { type: 'retract', signalId: 's1' } },
  { type: 'repair', after: { epoch: 2, offset: 9, durable: 3 } },
  { type: 'state', versions: { viewers: 3 } },
  { type: 'health', media: 'stalled' },
  { type: 'ping', atMs: 12.5 },
];

const answered: readonly ServerMessage[] = [
  {
    type: 'welcome',
    epoch: 2,
    offset: 9,
    durable: 3,
    isComplete: true,
    stateVersion: 9,
    state: [part],
    rules,
    tier: 'full',
    serverMs: 1000,
    heartBeatMs: 30_000,
    resumeTicket: 'a.b.c',
  },
  { type: 'batch', batch },
  { type: 'reply', id: '1', code: 'SLOW_MODE', retryAfterMs: 900, signalId: '', isHeld: false },
  { type: 'state', stateVersion: 9, parts: [part] },
  { type: 'repaired', epoch: 2, offset: 9, durable: 3, isComplete: false },
  { type: 'peer', signal: { ...like, class: 'host' } },
  { type: 'pong', atMs: 12.5, serverMs: 1000 },
  { type: 'move', urls: ['wss://b/signal'], withinMs: 5000 },
  { type: 'bye', code: 'MOVED', retryAfterMs: 100 },
];

describe('what clients say', () => {
  test.each(said)('$type is read', (message) => {
    expect(parseClientMessage(JSON.stringify(message))).toEqual(message);
  });

  test('fields that are not known are left out', () => {
    const message = { type: 'send', id: '1', later: 1, signal: { type: 'like', count: 2, later: 2 } };
    expect(parseClientMessage(JSON.stringify(message))).toEqual({
      type: 'send',
      id: '1',
      signal: { type: 'like', count: 2 },
    });
  });

  test('a signal that is not known can be refused by its id', () => {
    const message = { type: 'send', id: '1', signal: { type: 'wave' } };
    expect(parseClientMessage(JSON.stringify(message))).toEqual({ type: 'unknown-send', id: '1' });
  });

  test.each([
    'nonsense',
    '[]',
    'null',
    '{}',
    '{"type":"toString"}',
    '{"type":"hello","ticket":"a"}',
    '{"type":"hello","ticket":1,"client":{"platform":"web","version":1,"capabilities":[]}}',
    '{"type":"hello","ticket":"a","client":{"platform":"web","version":1,"capabilities":[1]}}',
    '{"type":"hello","ticket":"a","client":{"platform":"web","version":1,"capabilities":[]},"resume":null}',
    '{"type":"send","id":"","signal":{"type":"like","count":1}}',
    `{"type":"send","id":"${'x'.repeat(33)}","signal":{"type":"like","count":1}}`,
    '{"type":"repair","after":{"epoch":-1,"offset":0,"durable":0}}',
    '{"type":"repair","after":{"epoch":1,"offset":0.5,"durable":0}}',
    '{"type":"state","versions":{"viewers":"1"}}',
    '{"type":"health","media":"bad"}',
    '{"type":"ping"}',
    `{"type":"ping","atMs":1,"pad":"${'x'.repeat(4096)}"}`,
  ])('%s is none', (text) => {
    expect(parseClientMessage(text)).toBeUndefined();
  });
});

describe('what servers say', () => {
  test.each(answered)('$type is read', (message) => {
    expect(readServerMessage(stringifyServerMessage(message))).toEqual(message);
  });

  test('a batch is read out of bytes', () => {
    const { buffer, byteOffset, length } = encodeBatch(encodeSections(batch));
    const bytes = buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer;
    expect(readServerMessage(bytes)).toEqual({ type: 'batch', batch });
  });

  test('messages and signals that are not known are passed over', () => {
    expect(readServerMessage('{"type":"confetti"}')).toBeUndefined();
    const later = { ...batch, signals: [{ ...like, type: 'wave' }, like] };
    expect(readServerMessage(JSON.stringify({ type: 'batch', batch: later }))).toEqual({
      type: 'batch',
      batch,
    });
    expect(readServerMessage(JSON.stringify({ type: 'peer', signal: later.signals[0] }))).toBeUndefined();
  });

  test.each(answered)('$type without a field is refused', (message) => {
    for (const name of Object.keys(message)) {
      expect(() => readServerMessage(JSON.stringify({ ...message, [name]: undefined }))).toThrow(RangeError);
    }
  });
});

test('pages come back from bytes and from JSON', () => {
  const page: SignalPage = {
    epoch: 2,
    after: 3,
    offset: 5,
    isComplete: true,
    stateVersion: 9,
    durable: 3,
    state: [part],
    batches: [batch],
  };
  const bytes = encodePage({ ...page, batches: [encodeBatch(encodeSections(batch))] });
  expect(decodePage(bytes)).toEqual(page);
  expect(parsePage(JSON.stringify(page))).toEqual(page);
  expect(() => parsePage('{"epoch":1}')).toThrow(RangeError);
  expect(() => decodePage(Buffer.concat([Buffer.of(9), bytes]))).toThrow(RangeError);
});

test('a place is read out of the path of a pull', () => {
  const place = { epoch: 7, offset: 2 ** 40, durable: 12 };
  expect(parsePlace(formatPlace(place))).toEqual(place);
  expect(pullPath(place, 1e9)).toBe('/pull?after=7.1099511627776.12&waitMs=25000');
  expect(pullPath(undefined, -1)).toBe('/pull?waitMs=0');
  for (const text of ['', '1.2', '1.2.3.4', '1.-2.3', '9999999999999999.1.1'])
    expect(parsePlace(text)).toBeUndefined();
});
