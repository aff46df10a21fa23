import { describe, expect, test } from 'vitest';
import { ChunkReader } from './chunk-reader.ts';
import { ChunkWriter, encodeMessage } from './chunk-writer.ts';
import { rtmpLimits } from './limits.ts';
import { messageType, type RtmpMessage } from './message.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MediaError', code: expected });
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const pattern = (length: number) => Buffer.from(Array.from({ length }, (_, index) => index & 0xff));

function video(fields: Partial<RtmpMessage>): RtmpMessage {
  return {
    chunkStreamId: 6,
    typeId: messageType.video,
    streamId: 1,
    timestampMs: 0,
    payload: pattern(10),
    ...fields,
  };
}

function readAll(reader: ChunkReader, bytes: Buffer): RtmpMessage[] {
  reader.append(bytes);
  const messages: RtmpMessage[] = [];
  for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
  return messages;
}

function read(...pieces: Buffer[]): RtmpMessage[] {
  const reader = new ChunkReader();
  return pieces.flatMap((piece) => readAll(reader, piece));
}

const timestamps = (messages: RtmpMessage[]) => messages.map((message) => message.timestampMs);

/** Full header of a 10-byte video message on chunk stream 6. */
const header = (timestamp: string, length = '00000a') => hex(`06 ${timestamp} ${length} 09 01000000`);

describe('chunk stream ids', () => {
  test.each([2, 63, 64, 319, 320, 65_599])('the forms of id %d', (chunkStreamId) => {
    const message = video({ chunkStreamId, payload: pattern(300) });
    expect(read(encodeMessage(message, 128))).toEqual([message]);
  });

  test('the three-byte form is read for small ids too', () => {
    const [message] = read(Buffer.concat([hex('01 0000 000000 000001 09 01000000'), pattern(1)]));
    expect(message?.chunkStreamId).toBe(64);
  });
});

describe('header formats', () => {
  test('format 1, 2 and 3 take what they leave out from the message before', () => {
    const body = pattern(10);
    const messages = read(
      Buffer.concat([
        Buffer.concat([header('000064'), body]),
        Buffer.concat([hex('46 000021 00000a 08'), body]),
        Buffer.concat([hex('86 000010'), body]),
        Buffer.concat([hex('c6'), body]),
      ]),
    );
    expect(timestamps(messages)).toEqual([100, 133, 149, 165]);
    expect(messages.map((message) => message.typeId)).toEqual([9, 8, 8, 8]);
    expect(messages.every((message) => message.streamId === 1)).toBe(true);
  });

  test('a type-3 chunk behind a format 0 message repeats its timestamp as delta', () => {
    expect(timestamps(read(Buffer.concat([header('000017'), pattern(10), hex('c6'), pattern(10)])))).toEqual([
      23, 46,
    ]);
  });

  test('a full header inside a message gives the message up', () => {
    const messages = read(
      Buffer.concat([header('000000', '000100'), pattern(128), header('000005'), pattern(10)]),
    );
    expect(timestamps(messages)).toEqual([5]);
  });

  test('librtmp may open a chunk stream with format 1, nobody with 2 or 3', () => {
    expect(read(Buffer.concat([hex('42 000000 000006 04'), pattern(6)]))).toHaveLength(1);
    expect(() => read(hex('82 000000'))).toThrow(code('RTMP_HEADER_MISSING'));
    expect(() => read(hex('c2'))).toThrow(code('RTMP_HEADER_MISSING'));
  });
});

describe('timestamps', () => {
  const edges = [2 ** 24 - 2, 2 ** 24 - 1, 2 ** 24, 2 ** 24 + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

  test.each(edges)('%d ms on the wire, in one chunk and in many', (timestampMs) => {
    const message = video({ timestampMs, payload: pattern(1000) });
    expect(read(encodeMessage(message, 128))).toEqual([message]);
    const whole = video({ timestampMs, payload: pattern(100) });
    expect(read(encodeMessage(whole, 128))).toEqual([whole]);
  });

  test('a delta that crosses 2^32 ms (49.7 days) wraps', () => {
    const messages = read(
      Buffer.concat([header('ffffff'), hex('fffffff0'), pattern(10), hex('86 000021'), pattern(10)]),
    );
    expect(timestamps(messages)).toEqual([2 ** 32 - 16, 17]);
  });

  test('the writer goes through 2^24, 2^31 and 2^32 without losing a millisecond', () => {
    const writer = new ChunkWriter();
    const sent = [2 ** 24 - 20, 2 ** 24 + 13, 2 ** 31 - 5, 2 ** 31 + 28, 2 ** 32 - 1, 32, 65];
    const bytes = sent.map((timestampMs) => writer.encode(video({ timestampMs, payload: pattern(200) })));
    expect(timestamps(read(Buffer.concat(bytes)))).toEqual(sent);
  });
});

describe('extended timestamps', () => {
  const extended = hex('01000005');
  const timestampMs = 0x01000005;
  const body = pattern(300);
  const chunks = (repeated: Buffer) =>
    Buffer.concat([
      header('ffffff', '00012c'),
      extended,
      body.subarray(0, 128),
      hex('c6'),
      repeated,
      body.subarray(128, 256),
      hex('c6'),
      repeated,
      body.subarray(256),
    ]);

  test('repeated in type-3 chunks, as the specification wants it', () => {
    expect(read(chunks(extended))).toEqual([video({ timestampMs, payload: body })]);
  });

  test('left out of type-3 chunks, as some encoders do', () => {
    expect(read(chunks(Buffer.alloc(0)))).toEqual([video({ timestampMs, payload: body })]);
  });

  test('left out, with fewer than four bytes of the message to come, needs no later byte', () => {
    const bytes = Buffer.concat([
      header('ffffff', '000082'),
      extended,
      body.subarray(0, 128),
      hex('c6'),
      body.subarray(128, 130),
    ]);
    expect(read(bytes)).toEqual([video({ timestampMs, payload: body.subarray(0, 130) })]);
  });

  test.each([1, 3])('both forms when every read brings %d bytes', (size) => {
    for (const repeated of [extended, Buffer.alloc(0)]) {
      const bytes = chunks(repeated);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      expect(read(...pieces)).toEqual([video({ timestampMs, payload: body })]);
    }
  });

  test('in format 1 and 2 it is a delta, and the type-3 chunk repeats the delta or the time', () => {
    const first = Buffer.concat([header('000064'), pattern(10)]);
    for (const repeated of ['01000000', '01000064', '']) {
      const second = Buffer.concat([
        hex('46 ffffff 00012c 09 01000000'),
        body.subarray(0, 128),
        hex(`c6 ${repeated}`),
        body.subarray(128, 256),
        hex(`c6 ${repeated}`),
        body.subarray(256),
      ]);
      expect(timestamps(read(first, second))).toEqual([100, 0x01000064]);
    }
  });

  test('a type-3 chunk that starts a message behind an extended format 0 means the same time', () => {
    const first = Buffer.concat([header('ffffff'), extended, pattern(10)]);
    expect(timestamps(read(first, hex('c6 01000005'), pattern(10)))).toEqual([timestampMs, timestampMs]);
    expect(timestamps(read(first, hex('c6'), pattern(10)))).toEqual([timestampMs, timestampMs]);
  });
});

describe('control messages', () => {
  const chunkSize = (bytes: string) => hex(`02 000000 000004 01 00000000 ${bytes}`);

  test('the chunk size is 128 until Set Chunk Size, which may come inside a message', () => {
    const payload = pattern(1000);
    const bytes = Buffer.concat([
      header('000000', '0003e8'),
      payload.subarray(0, 128),
      chunkSize('00000200'),
      hex('c6'),
      payload.subarray(128, 640),
      hex('c6'),
      payload.subarray(640),
    ]);
    expect(read(bytes)).toEqual([video({ payload })]);
  });

  test.each(['00000000', '80000000', 'ffffffff'])('chunk size 0x%s is refused', (size) => {
    expect(() => read(chunkSize(size))).toThrow(code('RTMP_CHUNK_SIZE_INVALID'));
  });

  test('a short Set Chunk Size or Abort is refused', () => {
    expect(() => read(hex('02 000000 000002 01 00000000 0001'))).toThrow(code('RTMP_MESSAGE_INVALID'));
    expect(() => read(hex('02 000000 000002 02 00000000 0001'))).toThrow(code('RTMP_MESSAGE_INVALID'));
  });

  test('Abort discards the unfinished message and frees its memory', () => {
    const reader = new ChunkReader();
    readAll(reader, Buffer.concat([header('000000', '000400'), pattern(128)]));
    expect(reader.partialBytes).toBeGreaterThan(0);
    const after = Buffer.concat([
      hex('02 000000 000004 02 00000000 00000006'),
      header('000007'),
      pattern(10),
    ]);
    expect(timestamps(readAll(reader, after))).toEqual([7]);
    expect(reader.partialBytes).toBe(0);
  });
});

describe('bounds', () => {
  test('a declared size takes no memory until its bytes arrive', () => {
    const reader = new ChunkReader();
    readAll(reader, header('000000', '7fffff'));
    expect(reader.partialBytes).toBe(0);
    readAll(reader, pattern(1));
    expect(reader.partialBytes).toBeLessThanOrEqual(4096);
  });

  test('a message over the limit is refused at its header', () => {
    const limits = { ...rtmpLimits, messageBytesMax: 1000 };
    expect(() => readAll(new ChunkReader(limits), header('000000', '0003e9'))).toThrow(
      code('RTMP_MESSAGE_TOO_LARGE'),
    );
    expect(readAll(new ChunkReader(limits), header('000000', '0003e8'))).toEqual([]);
  });

  test('unfinished messages are limited in number', () => {
    const reader = new ChunkReader({ ...rtmpLimits, partialMessagesMax: 2 });
    const chunk = (id: number) => Buffer.concat([hex(`0${id} 000000 000400 09 01000000`), pattern(128)]);
    readAll(reader, Buffer.concat([chunk(4), chunk(5)]));
    expect(() => readAll(reader, chunk(6))).toThrow(code('RTMP_PARTIAL_TOO_MANY'));
  });

  test('unfinished messages are limited in memory', () => {
    const reader = new ChunkReader({ ...rtmpLimits, partialBytesMax: 100_000 });
    expect(() => {
      readAll(reader, hex('02 000000 000004 01 00000000 00100000'));
      readAll(reader, header('000000', '0fffff'));
      for (let index = 0; index < 200; index++) readAll(reader, pattern(1000));
    }).toThrow(code('RTMP_PARTIAL_TOO_LARGE'));
  });

  test('chunk streams are limited in number', () => {
    const reader = new ChunkReader({ ...rtmpLimits, chunkStreamsMax: 3 });
    for (const id of [4, 5, 6]) readAll(reader, encodeMessage(video({ chunkStreamId: id }), 128));
    expect(() => readAll(reader, encodeMessage(video({ chunkStreamId: 7 }), 128))).toThrow(
      code('RTMP_CHUNK_STREAMS_TOO_MANY'),
    );
  });

  test('a message that lies in one chunk of one read is not copied', () => {
    const bytes = encodeMessage(video({ payload: pattern(100) }), 128);
    const [message] = read(bytes);
    expect(message?.payload.buffer).toBe(bytes.buffer);
  });
});
