import { describe, expect, test } from 'vitest';
import { encodeAmf0 } from '../amf/index.ts';
import { createClientSession, type ClientSession, type ClientSessionOptions } from './client-session.ts';
import type { RtmpStatus } from './command.ts';
import type { MediaMessage } from './message.ts';
import type { PlayRequest, PublishRequest } from './server-request.ts';
import { createServerSession, type ServerSession } from './server-session.ts';

interface Pair {
  client: ClientSession;
  server: ServerSession;
  publishes: PublishRequest[];
  plays: PlayRequest[];
  atServer: MediaMessage[];
  atClient: MediaMessage[];
  refusals: RtmpStatus[];
  ends: string[];
  ready: () => number;
  run: () => void;
}

/** Both sides joined by two queues; `run` carries bytes until neither has any left. */
function pair(options: Partial<ClientSessionOptions>, decide: (server: ServerSession) => void): Pair {
  const toServer: Buffer[] = [];
  const toClient: Buffer[] = [];
  let ready = 0;
  const log = {
    publishes: [] as PublishRequest[],
    plays: [] as PlayRequest[],
    atServer: [] as MediaMessage[],
    atClient: [] as MediaMessage[],
    refusals: [] as RtmpStatus[],
    ends: [] as string[],
  };
  const server = createServerSession({
    handler: {
      onWrite: (bytes) => toClient.push(bytes),
      onPublish: (request) => {
        log.publishes.push(request);
        decide(server);
      },
      onPlay: (request) => {
        log.plays.push(request);
        decide(server);
      },
      onMedia: (message) => log.atServer.push(message),
      onPublishEnd: (reason) => log.ends.push(reason),
    },
  });
  const client = createClientSession({
    role: 'publish',
    app: 'live',
    tcUrl: 'rtmp://host/live',
    streamName: '17.secret',
    ...options,
    handler: {
      onWrite: (bytes) => toServer.push(bytes),
      onReady: () => (ready += 1),
      onRefused: (status) => log.refusals.push(status),
      onMedia: (message) => log.atClient.push(message),
    },
  });
  const run = () => {
    while (toServer.length + toClient.length > 0) {
      const up = toServer.shift();
      if (up !== undefined) server.push(up);
      const down = toClient.shift();
      if (down !== undefined) client.push(down);
    }
  };
  client.start();
  run();
  return { client, server, ...log, ready: () => ready, run };
}

describe.each([undefined, 0, 1] as const)('digest scheme %s', (digestScheme) => {
  test('publishes and sends media that arrives as it was sent', () => {
    const peers = pair(digestScheme === undefined ? {} : { digestScheme }, (server) =>
      server.acceptPublish(),
    );
    expect(peers.ready()).toBe(1);
    expect(peers.publishes).toMatchObject([{ app: 'live', streamKey: '17.secret', streamId: 1 }]);
    const sent: MediaMessage[] = [
      { kind: 'data', timestampMs: 0, payload: encodeAmf0('onMetaData', { width: 16 }) },
      { kind: 'video', timestampMs: 2 ** 24 - 1, payload: Buffer.alloc(200_000, 1) },
      { kind: 'audio', timestampMs: 2 ** 32 - 1, payload: Buffer.alloc(300, 2) },
      { kind: 'video', timestampMs: 30, payload: Buffer.alloc(0) },
    ];
    for (const message of sent) peers.client.sendMedia(message);
    peers.run();
    expect(peers.atServer).toEqual(sent);
    peers.client.close();
    peers.run();
    expect(peers.ends).toEqual(['FCUnpublish']);
  });
});

test('plays and receives media until the stream ends', () => {
  const peers = pair({ role: 'play', streamName: 'room?token=1' }, (server) => server.acceptPlay());
  expect(peers.plays).toMatchObject([{ streamName: 'room', params: { token: '1' } }]);
  peers.server.sendMedia({ kind: 'video', timestampMs: 5, payload: Buffer.alloc(100_000, 3) });
  peers.server.endPlay();
  peers.run();
  expect(peers.atClient.filter(({ kind }) => kind === 'video')).toEqual([
    { kind: 'video', timestampMs: 5, payload: Buffer.alloc(100_000, 3) },
  ]);
});

test('a refused publisher learns the code and sends nothing more', () => {
  const peers = pair({}, (server) => server.refusePublish());
  expect(peers.refusals).toMatchObject([{ level: 'error', code: 'NetStream.Publish.BadName' }]);
  expect(peers.client.stage).toBe('closed');
  peers.client.sendMedia({ kind: 'audio', timestampMs: 0, payload: Buffer.alloc(1) });
  peers.run();
  expect(peers.atServer).toEqual([]);
});

test('a refused player learns the code', () => {
  const peers = pair({ role: 'play' }, (server) => server.refusePlay());
  expect(peers.refusals).toMatchObject([{ code: 'NetStream.Play.StreamNotFound' }]);
});

test('a publisher that is taken over is told so', () => {
  const peers = pair({}, (server) => server.acceptPublish());
  peers.server.refusePublish();
  peers.run();
  expect(peers.refusals).toMatchObject([{ code: 'NetStream.Publish.BadName' }]);
});

test('a server that speaks something else is refused', () => {
  const client = createClientSession({
    role: 'publish',
    app: 'live',
    tcUrl: 'rtmp://host/live',
    streamName: 'x',
    handler: { onWrite: () => {}, onReady: () => {}, onRefused: () => {} },
  });
  client.start();
  expect(() => client.push(Buffer.from('HTTP/1.1 400'))).toThrow(
    expect.objectContaining({ code: 'NOT_RTMP' }),
  );
  expect(client.stage).toBe('closed');
});
