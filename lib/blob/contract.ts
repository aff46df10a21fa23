import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobPage, BlobStore } from './types.ts';

export interface BlobFixture extends AsyncDisposable {
  /** An empty store, or with the same name the one there was, opened again. */
  open(name: string, options: { bytesMax: number; blobBytesMax?: number }): Promise<BlobStore>;
}

const chars = (text: string): Uint8Array => Buffer.from(text);

async function* stream(...chunks: readonly (Uint8Array | Error)[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) {
    if (chunk instanceof Error) throw chunk;
    yield chunk;
  }
}

const code = (expected: string) => expect.objectContaining({ code: expected });

interface Tools {
  readonly open: (options?: { bytesMax?: number; blobBytesMax?: number }) => Promise<BlobStore>;
  readonly reopen: (options?: { bytesMax?: number }) => Promise<BlobStore>;
}

/** Goal: the same promises from every adapter. Method: real bytes in a store of its own for each test. */
export function blobContract(name: string, start: () => Promise<BlobFixture>): void {
  describe(`blob contract: ${name}`, () => {
    let fixture: BlobFixture;
    let opened: BlobStore[];
    let serial = 0;
    beforeEach(async () => {
      fixture = await start();
      opened = [];
      serial++;
    });
    const tools: Tools = {
      open: async (options) => {
        const store = await fixture.open(`store-${serial}-${opened.length}`, { bytesMax: 1e6, ...options });
        opened.push(store);
        return store;
      },
      reopen: async (options) => {
        await opened.at(-1)![Symbol.asyncDispose]();
        return fixture.open(`store-${serial}-${opened.length - 1}`, { bytesMax: 1e6, ...options });
      },
    };
    afterEach(async () => {
      await Promise.all(opened.map((store) => store[Symbol.asyncDispose]()));
      await fixture[Symbol.asyncDispose]();
    });
    contentTests(tools);
    keyTests(tools);
    boundTests(tools);
    failureTests(tools);
    appendTests(tools);
  });
}

const read = async (store: BlobStore, key: string): Promise<string> =>
  (await buffer((await store.get(key)).body)).toString();

function contentTests({ open, reopen }: Tools): void {
  test('what is put is got, from bytes and from a stream, replaced and deleted', async () => {
    const store = await open();
    expect(await store.put('covers/1.jpeg', chars('one'))).toMatchObject({ key: 'covers/1.jpeg', bytes: 3 });
    await store.put('covers/2.jpeg', stream(chars('tw'), chars('o')), { isDurable: true });
    expect([await read(store, 'covers/1.jpeg'), await read(store, 'covers/2.jpeg')]).toEqual(['one', 'two']);
    await store.put('covers/1.jpeg', chars('other'));
    expect(await read(store, 'covers/1.jpeg')).toBe('other');
    expect(store.usage().bytes).toBe(8);
    const { modifiedMs } = await store.stat('covers/1.jpeg');
    expect(Math.abs(Date.now() - modifiedMs)).toBeLessThan(60_000);
    expect([await store.delete('covers/1.jpeg'), await store.delete('covers/1.jpeg')]).toEqual([true, false]);
    for (const missing of [
      () => store.get('covers/1.jpeg'),
      () => store.stat('covers/1.jpeg'),
      () => store.get('covers'),
    ]) {
      await expect(missing()).rejects.toEqual(code('BLOB_UNKNOWN'));
    }
    expect(store.usage().bytes).toBe(3);
  });

  test('any chunks and any range: the bytes of the whole', async () => {
    const store = await open();
    const chunks = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.nat(1500), fc.nat(1500), async (parts, offset, bytes) => {
        const whole = Buffer.concat(parts);
        await store.put('any', stream(...parts));
        if (offset > 0 && offset >= whole.length) {
          await expect(store.get('any', { offset })).rejects.toEqual(code('BLOB_RANGE_INVALID'));
          return;
        }
        const content = await store.get('any', { offset, bytes });
        const got = await buffer(content.body);
        expect(got.equals(whole.subarray(offset, offset + bytes))).toBe(true);
        expect([content.info.bytes, content.offset, content.bytes]).toEqual([
          whole.length,
          offset,
          got.length,
        ]);
      }),
      { numRuns: 60 },
    );
  });

  test('a reader keeps what it began to read', async () => {
    const store = await open();
    const old = Buffer.alloc(900_000 / 2, 1);
    await store.put('cover', old);
    const { body } = await store.get('cover');
    await store.put('cover', chars('new'));
    await store.delete('cover');
    expect((await buffer(body)).equals(old)).toBe(true);
  });

  test('a store opened again has what it had, and counts it', async () => {
    const first = await open();
    await first.put('a/b', chars('kept'));
    const second = await reopen();
    expect([await read(second, 'a/b'), second.usage().bytes]).toEqual(['kept', 4]);
  });
}

function keyTests({ open }: Tools): void {
  test('keys that are none are refused by every operation', async () => {
    const store = await open();
    const long = 'x'.repeat(129);
    const keys = [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      '../a',
      'a/../b',
      'a/./b',
      'a\\b',
      'a b',
      'ä',
      'a\0b',
      'a:b',
      long,
      '1/2/3/4/5/6/7/8/9',
    ];
    for (const key of keys) {
      const attempts = [
        () => store.put(key, chars('x')),
        () => store.append(key),
        () => store.get(key),
        () => store.stat(key),
        () => store.delete(key),
      ];
      for (const attempt of attempts) {
        await expect(attempt(), key).rejects.toEqual(code('BLOB_KEY_INVALID'));
      }
    }
    await expect(store.list('../')).resolves.toEqual({ blobs: [] });
    await expect(store.list('a\0')).rejects.toEqual(code('BLOB_KEY_INVALID'));
    expect(store.usage().bytes).toBe(0);
  });

  test('a key is not the folder of another', async () => {
    const store = await open();
    await store.put('a/b', chars('x'));
    for (const key of ['a', 'a/b/c']) {
      await expect(store.put(key, chars('y')), key).rejects.toEqual(code('BLOB_KEY_INVALID'));
    }
    await expect(store.append('a/b/c')).rejects.toEqual(code('BLOB_KEY_INVALID'));
    await expect(store.get('a/b/c')).rejects.toEqual(code('BLOB_UNKNOWN'));
    expect([await store.delete('a'), store.usage().bytes]).toEqual([false, 1]);
    await store.delete('a/b');
    await store.put('a', chars('y'));
  });

  test('lists are in the order of the keys, by any prefix, page by page', async () => {
    const store = await open();
    const keys = [
      'a',
      'a-b',
      'a.b',
      'ab',
      'b/1',
      'b/1-1',
      'b/2/3',
      'b/2/4',
      'b-1',
      'b.1/x',
      'b0/x',
      'c/d/e/f',
      'Z',
    ].toSorted();
    for (const key of keys) await store.put(key, chars(key));
    for (const prefix of ['', 'a', 'b', 'b/', 'b/2', 'b/2/', 'c/d', 'none', 'b/1']) {
      for (const limit of [1, 2, 5, 1000]) {
        const listed: string[] = [];
        let page: BlobPage | undefined;
        do {
          page = await store.list(prefix, { cursor: page?.cursor, limit });
          expect(page.blobs.length).toBeLessThanOrEqual(limit);
          listed.push(...page.blobs.map(({ key }) => key));
        } while (page.cursor);
        expect(listed).toEqual(keys.filter((key) => key.startsWith(prefix)));
      }
    }
  });
}

function boundTests({ open }: Tools): void {
  test('a blob over its bound is refused, known or streamed, and leaves nothing', async () => {
    const store = await open({ blobBytesMax: 10 });
    const eleven = [chars('123456'), chars('78901')] as const;
    for (const content of [Buffer.concat(eleven), stream(...eleven)]) {
      await expect(store.put('big', content)).rejects.toEqual(code('BLOB_TOO_LARGE'));
    }
    await expect(store.put('big', chars('1234'), { bytesMax: 3 })).rejects.toEqual(code('BLOB_TOO_LARGE'));
    expect([store.usage().bytes, (await store.list('')).blobs]).toEqual([0, []]);
    await store.put('fits', chars('1234567890'));
  });

  test('the budget holds over all blobs; what goes makes room', async () => {
    const store = await open({ bytesMax: 10 });
    await store.put('a', chars('123456'));
    for (const content of [chars('12345'), stream(chars('123'), chars('45'))]) {
      await expect(store.put('b', content)).rejects.toEqual(code('BLOB_BUDGET'));
    }
    await store.put('b', chars('1234'));
    expect(store.usage()).toEqual({ bytes: 10, bytesMax: 10 });
    await store.delete('a');
    await store.put('c', chars('123456'));
  });

  test('puts of one key at the same time: one of them whole, counted once', async () => {
    const store = await open();
    const texts = Array.from({ length: 8 }, (_, index) => String(index).repeat(1000 + index));
    await Promise.all(
      texts.map((text) => store.put('same', stream(chars(text.slice(0, 500)), chars(text.slice(500))))),
    );
    const winner = await read(store, 'same');
    expect(texts).toContain(winner);
    expect(store.usage().bytes).toBe(winner.length);
  });
}

function failureTests({ open }: Tools): void {
  test('a put that fails or is cancelled leaves what was there', async () => {
    const store = await open();
    await store.put('cover', chars('old'));
    const broken = new Error('the source broke');
    await expect(store.put('cover', stream(chars('new'), broken))).rejects.toBe(broken);
    const controller = new AbortController();
    const isStuck = Promise.withResolvers<void>();
    const stuck = async function* (): AsyncIterable<Uint8Array> {
      yield chars('new');
      isStuck.resolve();
      await new Promise(() => undefined);
    };
    const cancelled = store.put('cover', stuck(), { signal: controller.signal });
    await isStuck.promise;
    controller.abort(new Error('gone'));
    await expect(cancelled).rejects.toThrow('gone');
    await expect(store.put('cover', chars('x'), { signal: controller.signal })).rejects.toThrow('gone');
    expect([await read(store, 'cover'), store.usage().bytes]).toEqual(['old', 3]);
  });
}

function appendTests({ open, reopen }: Tools): void {
  test('a growing blob is read as far as it has come, and stays', async () => {
    const store = await open();
    const writer = await store.append('recordings/7/1.mp4');
    expect(await read(store, 'recordings/7/1.mp4')).toBe('');
    await writer.write(chars('moov'));
    await writer.sync();
    expect(await read(store, 'recordings/7/1.mp4')).toBe('moov');
    await writer.write(chars('moof'));
    for (const attempt of [
      () => store.delete(writer.key),
      () => store.put(writer.key, chars('x')),
      () => store.append(writer.key),
    ]) {
      await expect(attempt()).rejects.toEqual(code('BLOB_LOCKED'));
    }
    await writer.close();
    await writer.close();
    await expect(store.append(writer.key)).rejects.toEqual(code('BLOB_EXISTS'));
    const again = await reopen();
    expect([await read(again, writer.key), again.usage().bytes, writer.bytes]).toEqual(['moovmoof', 8, 8]);
    expect(await again.delete(writer.key)).toBe(true);
    expect(again.usage().bytes).toBe(0);
  });

  test('an open blob is read here and there, also what has come since', async () => {
    const store = await open();
    const writer = await store.append('a');
    await writer.write(chars('0123456789'));
    await using blob = await store.open('a');
    expect(blob.info).toMatchObject({ key: 'a', bytes: 10 });
    expect((await blob.read(3, 4)).toString()).toBe('3456');
    await writer.write(chars('ab'));
    expect((await blob.read(8, 100)).toString()).toBe('89ab');
    expect(await blob.read(12, 1)).toHaveLength(0);
    await writer.close();
    await expect(store.open('none')).rejects.toEqual(code('BLOB_UNKNOWN'));
  });

  test('a blob that nobody writes is cut, and what is cut is given back', async () => {
    const store = await open();
    const writer = await store.append('a');
    await writer.write(chars('whole, torn'));
    await expect(store.cut('a', 5)).rejects.toEqual(code('BLOB_LOCKED'));
    await writer.close();
    await expect(store.cut('a', 12)).rejects.toEqual(code('BLOB_RANGE_INVALID'));
    await expect(store.cut('b', 0)).rejects.toEqual(code('BLOB_UNKNOWN'));
    await store.cut('a', 5);
    expect([await read(store, 'a'), store.usage().bytes]).toEqual(['whole', 5]);
  });

  test('the bounds hold for a growing blob, and what is refused is not in it', async () => {
    const store = await open({ bytesMax: 10 });
    await using writer = await store.append('a', { bytesMax: 6 });
    await writer.write(chars('1234'));
    await expect(writer.write(chars('567'))).rejects.toEqual(code('BLOB_TOO_LARGE'));
    await store.put('b', chars('12345'));
    await expect(writer.write(chars('56'))).rejects.toEqual(code('BLOB_BUDGET'));
    await writer.write(chars('5'));
    expect([await read(store, 'a'), store.usage().bytes]).toEqual(['12345', 10]);
  });
}
