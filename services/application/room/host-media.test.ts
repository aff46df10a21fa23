import { expect, test } from 'vitest';
import { checkHostMedia, noHostMedia } from './host-media.ts';

const forwards = (count: number) =>
  Array.from({ length: count }, (_, index) => `rtmp://cdn${index}.example.org/live/key`);

test('recording, eight forwards and a source of each scheme are taken as they are', () => {
  expect(checkHostMedia(noHostMedia)).toEqual(noHostMedia);
  const forwardUrls = [...forwards(7), 'rtmps://cdn.example.org:443/app/key?token=a%20b'];
  for (const sourceUrl of ['rtmp://a/b', 'rtmps://a/b', 'http://a/b.flv', 'https://[::1]:81/b.flv']) {
    const media = { record: true, forwardUrls, sourceUrl };
    expect(checkHostMedia(media)).toEqual(media);
  }
});

test.each([
  ['http://cdn.example.org/live', 'a forward by HTTP'],
  ['rtmp:///live/key', 'no host'],
  ['rtmp//cdn', 'no scheme'],
  ['rtmp://cdn/live/a b', 'a space'],
  ['rtmp://cdn/live/a\nb', 'a line break'],
  [`rtmp://cdn/${'x'.repeat(1024)}`, 'too long'],
])('%j is refused: %s', (url) => {
  const check = () => checkHostMedia({ ...noHostMedia, forwardUrls: ['rtmp://good/live/key', url] });
  expect(check).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST', detail: 'forward URL 2' }));
});

test('a ninth forward, one twice and a source of another scheme are refused', () => {
  const refused = (change: object, detail: string) =>
    expect(() => checkHostMedia({ ...noHostMedia, ...change })).toThrow(expect.objectContaining({ detail }));
  refused({ forwardUrls: forwards(9) }, 'at most 8 forward URLs');
  refused({ forwardUrls: ['rtmp://a/b', 'rtmp://a/b'] }, 'forward URL 2 stands there twice');
  refused({ sourceUrl: 'file:///etc/passwd' }, 'source URL');
});
