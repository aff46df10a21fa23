import { openRules } from '@gala/protocol/signals';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Link, type LinkEnd } from './link.ts';

const welcome = JSON.stringify({
  type: 'welcome',
  epoch: 1,
  offset: 0,
  durable: 0,
  isComplete: true,
  stateVersion: 0,
  state: [],
  rules: openRules,
  tier: 'full',
  serverMs: 1000,
  heartBeatMs: 60_000,
  resumeTicket: '',
});

/** The platform's socket, played by hand: what it was given to send, and what comes when the test says so. */
class HandSocket extends EventTarget {
  static last: HandSocket;
  binaryType = '';
  readyState = 1;
  readonly sent: { readonly type: string; readonly atMs: number }[] = [];

  constructor() {
    super();
    HandSocket.last = this;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as HandSocket['sent'][number]);
  }

  close(): void {
    this.readyState = 3;
  }

  say(data: string | ArrayBuffer): void {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }
}

const ends: LinkEnd[] = [];

function openLink(): HandSocket {
  new Link({
    url: 'wss://chat.example/signal',
    webSocket: HandSocket as unknown as typeof WebSocket,
    hello: () => ({ type: 'hello', ticket: 't', client: { platform: 'test', version: 1, capabilities: [] } }),
    handler: { onMessage: () => {}, onEnd: (_, end) => ends.push(end) },
  });
  HandSocket.last.dispatchEvent(new Event('open'));
  return HandSocket.last;
}

beforeEach(() => {
  ends.length = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

const lost = { code: 'LINK_LOST', retryAfterMs: 0, isFinal: false };

test('a link that does not open in time is given up', () => {
  const socket = openLink();
  expect(socket.sent.map(({ type }) => type)).toEqual(['hello']);
  vi.advanceTimersByTime(9_999);
  expect(ends).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(ends).toEqual([lost]);
});

test('a link beats, quickly at first, and is given up when nothing comes back', () => {
  const socket = openLink();
  socket.say(welcome);
  const answer = (): void => socket.say(JSON.stringify({ type: 'pong', atMs: 0, serverMs: 5 }));
  for (let second = 0; second < 60; second++) {
    answer();
    vi.advanceTimersByTime(1_000);
  }
  const pings = socket.sent.filter(({ type }) => type === 'ping').length;
  expect(pings).toBeGreaterThan(4);
  expect(pings).toBeLessThan(9);
  expect(ends).toEqual([]);
  vi.advanceTimersByTime(45_000);
  expect(ends).toEqual([lost]);
  expect(socket.readyState).toBe(3);
});

test('what cannot be read ends the link, once', () => {
  const socket = openLink();
  socket.say(welcome);
  socket.say(new Uint8Array([1, 200, 1]).buffer);
  socket.say('nonsense');
  socket.dispatchEvent(Object.assign(new Event('close'), { code: 1006 }));
  expect(ends).toEqual([lost]);
});

test.each([
  ['BANNED', 0, 1008, true],
  ['TICKET_INVALID', 0, 1008, false],
  ['TOO_FAST', 900, 1008, false],
  ['TOO_SLOW', 1000, 1013, false],
])('a bye of %s, wait %d, close code %d: final is %s', (code, retryAfterMs, closeCode, isFinal) => {
  const socket = openLink();
  socket.say(JSON.stringify({ type: 'bye', code, retryAfterMs }));
  socket.dispatchEvent(Object.assign(new Event('close'), { code: closeCode }));
  expect(ends).toEqual([{ code, retryAfterMs, isFinal }]);
});
