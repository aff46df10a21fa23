import { openRules, type ServerMessage } from '@gala/protocol/signals';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Connector } from './connector.ts';
import type { SignalEntry } from './types.ts';

const welcome: ServerMessage = {
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
  resumeTicket: 'resume',
};

/** The platform's socket: welcomed while there is a server, refused at once while there is none. */
class PlaySocket extends EventTarget {
  static hasServer = true;
  static all: PlaySocket[] = [];
  binaryType = '';
  readyState = 1;

  constructor() {
    super();
    PlaySocket.all.push(this);
    setTimeout(() => {
      if (!PlaySocket.hasServer) return this.end();
      this.dispatchEvent(new Event('open'));
      this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(welcome) }));
    }, 1);
  }

  send(): void {}

  close(): void {
    this.readyState = 3;
  }

  end(): void {
    this.dispatchEvent(Object.assign(new Event('close'), { code: 1006 }));
  }
}

const entry = (): SignalEntry => ({
  urls: ['wss://chat.example/signal'],
  readUrls: [],
  ticket: 'ticket',
  expiresAtMs: Date.now() + 120_000,
});
let enter: () => Promise<SignalEntry>;
let waits: number[];
let connector: Connector;

beforeEach(async () => {
  vi.useFakeTimers();
  [PlaySocket.hasServer, PlaySocket.all, waits] = [true, [], []];
  enter = () => Promise.resolve(entry());
  connector = new Connector({
    enter: () => enter(),
    webSocket: PlaySocket as unknown as typeof WebSocket,
    handler: {
      onMessage: () => {},
      onOpen: () => {},
      onStatus: (status, _, retryInMs) => void (status === 'waiting' && waits.push(retryInMs)),
      hello: (ticket) => ({
        type: 'hello',
        ticket,
        client: { platform: 'test', version: 1, capabilities: [] },
      }),
    },
  });
  connector.connect();
  await vi.advanceTimersByTimeAsync(5);
  expect(connector.isOpen).toBe(true);
});
afterEach(() => {
  connector.close();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** The server dies; whoever is asked refuses at once. */
function kill(refusal: object): void {
  PlaySocket.hasServer = false;
  enter = () => Promise.reject(Object.assign(new Error('refused'), refusal));
  PlaySocket.all.at(-1)!.end();
}

test.each([0.05, 0.5, 0.99])(
  'a server that is away for 3 s has its clients back soon (chance %d)',
  async (chance) => {
    // Short draws use up many tries in a little time: they must not make the next wait a long one.
    const random = vi.spyOn(Math, 'random').mockReturnValue(chance);
    kill({ status: 0 });
    await vi.advanceTimersByTimeAsync(2_000);
    random.mockReturnValue(0.99);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connector.isOpen).toBe(false);
    PlaySocket.hasServer = true;
    enter = () => Promise.resolve(entry());
    await vi.advanceTimersByTimeAsync(3_010);
    expect(connector.isOpen).toBe(true);
  },
);

test('a gateway that names a time is obeyed, though the node that is known is tried at once', async () => {
  kill({ status: 503, code: 'UNAVAILABLE', retryAfterSeconds: 4 });
  await vi.advanceTimersByTimeAsync(600);
  expect(PlaySocket.all).toHaveLength(2);
  expect(waits).toHaveLength(2);
  expect(waits[1]).toBeGreaterThanOrEqual(4_000);
  expect(waits[1]).toBeLessThanOrEqual(8_000);
});
