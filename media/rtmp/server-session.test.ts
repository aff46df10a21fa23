import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { encodeAmf0, type AmfValue } from '../amf/index.ts';
import { ChunkReader } from './chunk-reader.ts';
import { encodeMessage } from './chunk-writer.ts';
import { commandMessage, decodeCommand, isCommand, type RtmpCommand } from './command.ts';
import { windowAckSizeMessage } from './control.ts';
import { wrapDataFrame } from './data-frame.ts';
import { HANDSHAKE_BYTES } from './digest.ts';
import { createClientHello } from './handshake.ts';
import { rtmpLimits, type RtmpLimits } from './limits.ts';
import { messageType, toRtmpMessage, type MediaMessage, type RtmpMessage } from './message.ts';
import type { PlayRequest, PublishRequest } from './server-request.ts';
import { createServerSession } from './server-session.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MediaError', code: expected });
const CHUNK_BYTES = 128;

/** A session with everything it said, and the messages it wrote behind its handshake. */
function open(limits: Partial<RtmpLimits> = {}) {
  const written: Buffer[] = [];
  const publishes: PublishRequest[] = [];
  const plays: PlayRequest[] = [];
  const media: MediaMessage[] = [];
  const ends: string[] = [];
  const pongs: number[] = [];
  const session = createServerSession({
    limits: { ...rtmpLimits, ...limits },
    fourCcList: ['avc1', 'hvc1'],
    handler: {
      onWrite: (bytes) => written.push(bytes),
      onPublish: (request) => publishes.push(request),
      onPlay: (request) => plays.push(request),
      onMedia: (message) => media.push(message),
      onPublishEnd: (reason) => ends.push(reason),
      onPlayEnd: () => ends.push('play'),
      onPong: (value) => pongs.push(value),
    },
  });
  const answers = (): RtmpMessage[] => {
    const reader = new ChunkReader();
    reader.append(Buffer.concat(written).subarray(1 + 2 * HANDSHAKE_BYTES));
    const messages: RtmpMessage[] = [];
    for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
    return messages;
  };
  const commands = (): RtmpCommand[] => answers().filter(isCommand).map(decodeCommand);
  return { session, written, publishes, plays, media, ends, pongs, answers, commands };
}

const hello = Buffer.concat([createClientHello(randomBytes), Buffer.alloc(HANDSHAKE_BYTES)]);
const send = (...messages: RtmpMessage[]) =>
  Buffer.concat(messages.map((message) => encodeMessage(message, CHUNK_BYTES)));

const connect = (properties: Record<string, AmfValue> = {}) =>
  commandMessage(0, 'connect', {
    transactionId: 1,
    object: { app: 'live', tcUrl: 'rtmp://host/live', flashVer: 'test', ...properties },
  });
const command = (name: string, transactionId: number, args: AmfValue[] = []) =>
  commandMessage(0, name, { transactionId, args });
const streamCommand = (streamId: number, name: string, args: AmfValue[] = []) =>
  commandMessage(streamId, name, { transactionId: 0, args });
const publish = streamCommand(1, 'publish', ['17.secret', 'live']);
const prologue = [
  connect(),
  command('releaseStream', 2, ['17.secret']),
  command('FCPublish', 3, ['17.secret']),
  command('createStream', 4),
];
const media = (
  kind: 'audio' | 'video' | 'data',
  timestampMs: number,
  payload: Buffer = Buffer.from('payload'),
) => toRtmpMessage({ kind, timestampMs, payload }, 1);
const statusCodes = (commands: RtmpCommand[]) =>
  commands.flatMap(({ args: [info] }) =>
    typeof info === 'object' && info !== null && 'code' in info ? [info['code']] : [],
  );

describe('order of answers', () => {
  test('connect: window, bandwidth, chunk size, then the result', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(connect())]));
    expect(peer.session.stage).toBe('connected');
    expect(peer.answers().map((message) => message.typeId)).toEqual([
      messageType.windowAckSize,
      messageType.setPeerBandwidth,
      messageType.commandAmf0,
    ]);
    expect(peer.commands()).toMatchObject([{ name: '_result', transactionId: 1 }]);
    expect(statusCodes(peer.commands())).toEqual(['NetConnection.Connect.Success']);
  });

  test('releaseStream, FCPublish, createStream and publish are answered on their ids', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(...prologue, publish)]));
    peer.session.acceptPublish();
    expect(peer.commands().map(({ name, transactionId }) => [name, transactionId])).toEqual([
      ['_result', 1],
      ['_result', 2],
      ['_result', 3],
      ['onFCPublish', 0],
      ['_result', 4],
      ['onStatus', 0],
    ]);
    expect(peer.commands().at(-2)?.args).toEqual([1]);
    expect(peer.commands().at(-1)).toMatchObject({
      streamId: 1,
      args: [{ code: 'NetStream.Publish.Start' }],
    });
  });

  test('play: StreamBegin, Play.Reset, Play.Start, RtmpSampleAccess', () => {
    const peer = open();
    peer.session.push(
      Buffer.concat([
        hello,
        send(connect(), command('createStream', 2), streamCommand(1, 'play', ['room', -2])),
      ]),
    );
    expect(peer.plays).toMatchObject([{ app: 'live', streamName: 'room', start: -2, streamId: 1 }]);
    const before = peer.answers().length;
    peer.session.acceptPlay();
    const types = peer
      .answers()
      .slice(before)
      .map((message) => message.typeId);
    expect(types).toEqual([
      messageType.userControl,
      messageType.commandAmf0,
      messageType.commandAmf0,
      messageType.dataAmf0,
    ]);
    expect(statusCodes(peer.commands()).slice(-2)).toEqual(['NetStream.Play.Reset', 'NetStream.Play.Start']);
    peer.session.push(send(command('deleteStream', 0, [1])));
    expect(peer.ends).toEqual(['play']);
  });

  test('connect names the enhanced codecs of both sides to clients that ask', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(connect({ fourCcList: ['hvc1', 'av01', 3] }), publish)]));
    expect(peer.commands()[0]?.object['fourCcList']).toEqual(['hvc1']);
    expect(peer.publishes[0]?.connect.fourCcList).toEqual(['hvc1', 'av01']);
  });
});

describe('publish', () => {
  test('a client that pipelines everything loses no media behind its publish', () => {
    const peer = open();
    const body = Buffer.alloc(1000, 7);
    peer.session.push(
      Buffer.concat([hello, send(...prologue, publish, media('video', 0, body), media('audio', 5))]),
    );
    expect(peer.publishes).toMatchObject([{ app: 'live', streamKey: '17.secret', publishType: 'live' }]);
    expect(peer.session.stage).toBe('deciding');
    peer.session.push(send(media('video', 40)));
    expect(peer.media).toEqual([]);
    peer.session.acceptPublish();
    expect(peer.session.stage).toBe('publishing');
    expect(peer.media.map(({ kind, timestampMs }) => [kind, timestampMs])).toEqual([
      ['video', 0],
      ['audio', 5],
      ['video', 40],
    ]);
    expect(peer.media[0]?.payload).toEqual(body);
    expect(peer.session.heldBytes).toBe(0);
  });

  test('a decision inside the handler goes on with the same bytes', () => {
    const seen: MediaMessage[] = [];
    const session = createServerSession({
      handler: {
        onWrite: () => {},
        onPublish: () => session.acceptPublish(),
        onPlay: () => {},
        onMedia: (message) => seen.push(message),
        onPublishEnd: () => {},
      },
    });
    session.push(Buffer.concat([hello, send(...prologue, publish, media('video', 1), media('audio', 2))]));
    expect(seen).toHaveLength(2);
  });

  test('bytes behind an undecided publish are bounded', () => {
    const peer = open({ heldBytesMax: 10_000 });
    peer.session.push(Buffer.concat([hello, send(...prologue, publish)]));
    peer.session.push(Buffer.alloc(10_000));
    expect(peer.session.heldBytes).toBe(10_000);
    expect(() => peer.session.push(Buffer.alloc(1))).toThrow(code('RTMP_HELD_TOO_LARGE'));
    expect(peer.session.stage).toBe('closed');
    expect(peer.session.heldBytes).toBe(0);
  });

  test('a refused publisher reads BadName on its stream and is not heard any more', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(...prologue, publish)]));
    peer.session.refusePublish();
    expect(statusCodes(peer.commands()).at(-1)).toBe('NetStream.Publish.BadName');
    expect(peer.session.stage).toBe('closed');
    peer.session.push(send(media('video', 0)));
    expect(peer.media).toEqual([]);
  });

  test('a publisher that is taken over reads BadName in the middle of its media', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(...prologue, publish)]));
    peer.session.acceptPublish();
    peer.session.push(send(media('video', 0)));
    peer.session.refusePublish();
    expect(statusCodes(peer.commands()).slice(-2)).toEqual([
      'NetStream.Publish.Start',
      'NetStream.Publish.BadName',
    ]);
  });

  test.each([
    ['FCUnpublish', command('FCUnpublish', 6, ['17.secret'])],
    ['deleteStream', command('deleteStream', 7, [1])],
    ['closeStream', streamCommand(1, 'closeStream')],
  ])('%s ends it once, and the connection may publish again', (reason, end) => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(...prologue, publish)]));
    peer.session.acceptPublish();
    peer.session.push(send(end, command('deleteStream', 0, [1]), media('video', 9)));
    expect(peer.ends).toEqual([reason]);
    expect(peer.media).toEqual([]);
    expect(peer.session.discardedMessages).toBe(1);
    peer.session.push(send(command('createStream', 8), publish));
    expect(peer.publishes).toHaveLength(2);
  });

  test('a second publish on one connection gets BadName and the first goes on', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(...prologue, publish)]));
    peer.session.acceptPublish();
    peer.session.push(send(streamCommand(2, 'publish', ['other']), media('video', 1)));
    expect(statusCodes(peer.commands()).at(-1)).toBe('NetStream.Publish.BadName');
    expect(peer.publishes).toHaveLength(1);
    expect(peer.media).toHaveLength(1);
  });

  test('@setDataFrame is taken off, in the AMF0 and the AMF3 form', () => {
    const peer = open();
    const metadata: Buffer = encodeAmf0('onMetaData', { width: 16 });
    peer.session.push(Buffer.concat([hello, send(...prologue, publish)]));
    peer.session.acceptPublish();
    const wrapped: Buffer = wrapDataFrame(metadata);
    const amf3 = {
      ...media('data', 0, Buffer.concat([Buffer.alloc(1), wrapped])),
      typeId: messageType.dataAmf3,
    };
    peer.session.push(send(media('data', 0, wrapped), media('data', 0, metadata), amf3));
    expect(peer.media.map((message) => message.payload)).toEqual([metadata, metadata, metadata]);
  });

  test('an aggregate message is split and its times follow the aggregate', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(...prologue, publish)]));
    peer.session.acceptPublish();
    const tag = (type: number, timestampMs: number) => {
      const bytes = Buffer.alloc(11 + 3 + 4, 1);
      bytes[0] = type;
      bytes.writeUIntBE(3, 1, 3);
      bytes.writeUIntBE(timestampMs & 0xffffff, 4, 3);
      bytes[7] = timestampMs >>> 24;
      return bytes;
    };
    const payload = Buffer.concat([tag(8, 2 ** 24 + 10), tag(9, 2 ** 24 + 30)]);
    peer.session.push(send({ ...media('video', 1000, payload), typeId: messageType.aggregate }));
    expect(peer.media.map(({ kind, timestampMs }) => [kind, timestampMs])).toEqual([
      ['audio', 1000],
      ['video', 1020],
    ]);
  });
});

describe('commands', () => {
  test('an unknown command gets _error if it has a transaction, else silence, never a close', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(connect())]));
    const before = peer.commands().length;
    peer.session.push(
      send(
        command('_checkbw', 7),
        command('onTimeCoordInfo', 0),
        command('_result', 9),
        command('__proto__', 10),
        command('toString', 11),
      ),
    );
    const answers = peer.commands().slice(before);
    expect(answers.map(({ name, transactionId }) => [name, transactionId])).toEqual([
      ['_error', 7],
      ['_error', 10],
      ['_error', 11],
    ]);
    expect(peer.session.stage).toBe('connected');
  });

  test('the AMF3 form of a command is one zero byte and then AMF0', () => {
    const peer = open();
    const amf0 = connect();
    const payload = Buffer.concat([Buffer.alloc(1), amf0.payload]);
    peer.session.push(Buffer.concat([hello, send({ ...amf0, typeId: messageType.commandAmf3, payload })]));
    expect(peer.session.stage).toBe('connected');
  });

  test('publish and play before connect end the session', () => {
    for (const request of [publish, streamCommand(1, 'play', ['room'])]) {
      expect(() => open().session.push(Buffer.concat([hello, send(request)]))).toThrow(
        code('RTMP_COMMAND_ORDER'),
      );
    }
  });

  test('streams are limited in number, and numbers are used again', () => {
    const peer = open({ streamsMax: 2 });
    peer.session.push(
      Buffer.concat([hello, send(connect(), ...[2, 3, 4].map((id) => command('createStream', id)))]),
    );
    expect(peer.commands().map(({ name }) => name)).toEqual(['_result', '_result', '_result', '_error']);
    peer.session.push(send(command('deleteStream', 0, [1]), command('createStream', 5)));
    expect(peer.commands().at(-1)).toMatchObject({ name: '_result', args: [1] });
  });

  test('10,000 nested objects in a command end the session', () => {
    const level = Buffer.from([3, 0, 1, 0x61]);
    const payload = Buffer.concat([encodeAmf0('connect', 1), ...Array.from({ length: 10_000 }, () => level)]);
    expect(() => open().session.push(Buffer.concat([hello, send({ ...connect(), payload })]))).toThrow(
      code('AMF_TOO_DEEP'),
    );
  });
});

describe('acknowledgements and pings', () => {
  const acknowledgements = (messages: RtmpMessage[]) =>
    messages
      .filter((message) => message.typeId === messageType.acknowledgement)
      .map((message) => message.payload.readUInt32BE(0));

  test('received bytes are acknowledged in the window the peer asks for', () => {
    const peer = open();
    const first = Buffer.concat([hello, send(windowAckSizeMessage(20_000), ...prologue, publish)]);
    peer.session.push(first);
    peer.session.acceptPublish();
    let sent = first.length;
    for (let index = 0; index < 5; index++) {
      const bytes = send(media('video', index, Buffer.alloc(10_000)));
      sent += bytes.length;
      peer.session.push(bytes);
    }
    const acknowledged = acknowledgements(peer.answers());
    expect(acknowledged.length).toBeGreaterThanOrEqual(2);
    expect(acknowledged.at(-1)).toBeLessThanOrEqual(sent);
    expect(sent - acknowledged.at(-1)!).toBeLessThan(20_000);
  });

  test('a peer that asks for no window is acknowledged all the same', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(...prologue, publish)]));
    peer.session.acceptPublish();
    for (let index = 0; index < 6; index++)
      peer.session.push(send(media('video', index, Buffer.alloc(500_000))));
    expect(acknowledgements(peer.answers())).toHaveLength(1);
  });

  test('a ping is answered with its own time', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(connect())]));
    const payload = Buffer.from('0006fffffffe', 'hex');
    peer.session.push(send({ ...windowAckSizeMessage(1), typeId: messageType.userControl, payload }));
    const pong = peer.answers().find((message) => message.typeId === messageType.userControl);
    expect(pong?.payload.toString('hex')).toBe('0007fffffffe');
  });

  test('a ping of ours is told when it is answered, and a short answer is none', () => {
    const peer = open();
    peer.session.push(Buffer.concat([hello, send(connect())]));
    peer.session.ping(0xfffffffe);
    const ping = peer.answers().findLast((message) => message.typeId === messageType.userControl);
    expect(ping?.payload.toString('hex')).toBe('0006fffffffe');
    for (const hex of ['0007fffffffe', '0007ff', '0003fffffffe']) {
      const payload = Buffer.from(hex, 'hex');
      peer.session.push(send({ ...windowAckSizeMessage(1), typeId: messageType.userControl, payload }));
    }
    expect(peer.pongs).toEqual([0xfffffffe]);
  });
});
