/** A service that says gifts in a room: `POST /v1/rooms/{roomId}/signals` by some connections that are kept. */
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

import type { BodyOf } from '@gala/protocol/rest';

export interface GiftService {
  readonly port: number;
  readonly roomId: number;
  readonly operatorToken: string;
  readonly connections: number;
  readonly perSecond: number;
}

/** What one connection published, in its order. */
export interface GiftLine {
  readonly accepted: string[];
  /** Those that were said again under their id after a 503. */
  again: number;
  refused: number;
}

const triesMax = 20;
const retryMs = 250;

/**
 * Gifts at a rate for some seconds. Each connection waits for its answer before it says the next, and catches up when
 * it is late. `onSaid` is told the entry of each when it is said first.
 */
export function publishGifts(
  service: GiftService,
  seconds: number,
  onSaid: (entryId: string) => void,
): Promise<GiftLine[]> {
  const everyMs = (1000 * service.connections) / service.perSecond;
  const count = Math.floor((seconds * 1000) / everyMs);
  const lines = Array.from({ length: service.connections }, async (_, lineNumber) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const line: GiftLine = { accepted: [], again: 0, refused: 0 };
    const beganAtMs = performance.now() + (lineNumber * everyMs) / service.connections;
    for (let number = 0; number < count; number++) {
      await delay(Math.max(0, beganAtMs + number * everyMs - performance.now()));
      const entryId = `gift-${lineNumber}-${number}`;
      onSaid(entryId);
      await publish({ service, agent, line }, entryId);
    }
    agent.destroy();
    return line;
  });
  return Promise.all(lines);
}

interface Publication {
  readonly service: GiftService;
  readonly agent: http.Agent;
  readonly line: GiftLine;
}

/** A 503 leaves open what became of it: the same id counts once, however often it is said. */
async function publish({ service, agent, line }: Publication, entryId: string): Promise<void> {
  const gift = { author: { userId: 7, name: 'giver' }, giftId: 'rose', count: 1, entryId };
  const body = JSON.stringify({ publishId: entryId, gift } satisfies BodyOf<'publishSignal'>);
  for (let tries = 0; tries < triesMax; tries++) {
    const status = await post(service, agent, body);
    if (status === 200) return void line.accepted.push(entryId);
    if (status !== 503) break;
    line.again++;
    await delay(retryMs);
  }
  line.refused++;
}

async function post({ port, roomId, operatorToken }: GiftService, agent: http.Agent, body: string) {
  const request = http.request({
    agent,
    host: '127.0.0.1',
    port,
    path: `/v1/rooms/${roomId}/signals`,
    method: 'POST',
    headers: {
      authorization: `Bearer ${operatorToken}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await text(response);
  return response.statusCode;
}
