/** Where a client wants to publish or play, wherever in its commands it wrote the parts. */
export interface StreamAddress {
  /** Application without query and slashes, such as `live`. */
  app: string;
  /** Stream name without query and slashes. */
  streamName: string;
  /** What authorises a publisher: the parameter `key` or `streamKey` if there is one, else the stream name. */
  streamKey: string;
  /** Parameters of `tcUrl`, `app` and stream name; the later of these wins. */
  params: Readonly<Record<string, string>>;
}

const PARAMS_MAX = 32;
const KEY_PARAMS = ['key', 'streamKey'];

/**
 * Brings the ways in which encoders write the stream key into one form: `rtmp://host/app/key`, a query behind
 * `tcUrl`, behind the app or behind the stream name. At most 32 parameters are kept.
 */
export function normalizeStreamAddress(input: {
  app: string;
  tcUrl: string;
  streamName: string;
}): StreamAddress {
  const params = Object.create(null) as Record<string, string>;
  addQuery(params, input.tcUrl);
  addQuery(params, input.app);
  addQuery(params, input.streamName);
  const streamName = trimSlashes(pathOf(input.streamName));
  const keyParam = KEY_PARAMS.map((key) => params[key]).find((value) => value !== undefined && value !== '');
  return { app: trimSlashes(pathOf(input.app)), streamName, streamKey: keyParam ?? streamName, params };
}

function pathOf(text: string): string {
  const query = text.indexOf('?');
  return query === -1 ? text : text.slice(0, query);
}

function addQuery(params: Record<string, string>, text: string): void {
  const query = text.indexOf('?');
  if (query === -1) return;
  let count = Object.keys(params).length;
  for (const [key, value] of new URLSearchParams(text.slice(query + 1))) {
    if (count >= PARAMS_MAX) return;
    params[key] = value;
    count += 1;
  }
}

function trimSlashes(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === '/') start += 1;
  while (end > start && text[end - 1] === '/') end -= 1;
  return text.slice(start, end);
}
