import { CodedError } from '@gala/lib/error';
import type { Outbound } from '@gala/lib/outbound';
import { connectFlv } from '@gala/media-io/flv';
import { connectRtmp, rtmpErrors } from '@gala/media-io/rtmp';
import type { StreamMessage } from '../stream.ts';

export interface SourceOptions {
  readonly url: string;
  readonly outbound: Outbound;
  /** Without a byte for this long it is lost. */
  readonly silentMs: number;
  readonly signal: AbortSignal;
  onMedia(message: StreamMessage): void;
  onBatchEnd(): void;
}

/** A connection to a source, once it plays. */
export interface Source extends AsyncDisposable {
  /** Resolves with the reason when it is over. */
  readonly closed: Promise<CodedError>;
}

/**
 * Plays `rtmp[s]://host[:port]/app/stream` or `http[s]://…` (HTTP-FLV).
 * Errors: ADDRESS_NOT_PUBLIC, and those of `connectRtmp` and `connectFlv`.
 */
export async function connectSource(options: SourceOptions): Promise<Source> {
  options.outbound.check(URL.parse(options.url)?.hostname ?? '');
  return options.url.startsWith('rtmp') ? connectRtmpSource(options) : connectFlvSource(options);
}

async function connectFlvSource({
  url,
  outbound,
  silentMs,
  signal,
  ...told
}: SourceOptions): Promise<Source> {
  const { lookup } = outbound;
  const client = await connectFlv(url, {
    lookup,
    signal,
    silentMsMax: silentMs,
    onTag: ({ type, timestampMs, payload }) => told.onMedia({ kind: type, timestampMs, payload }),
    onBatchEnd: () => told.onBatchEnd(),
  });
  return { closed: client.closed, [Symbol.asyncDispose]: async () => client[Symbol.dispose]() };
}

async function connectRtmpSource({
  url,
  outbound,
  silentMs,
  signal,
  ...told
}: SourceOptions): Promise<Source> {
  const { lookup } = outbound;
  const closed = Promise.withResolvers<CodedError>();
  const end = (code: 'RTMP_TIMEOUT' | 'RTMP_CLOSED'): void =>
    closed.resolve(new CodedError(rtmpErrors, code));
  let silence: NodeJS.Timeout | undefined;
  const onClose = (error: CodedError | undefined): void => {
    clearTimeout(silence);
    if (error) closed.resolve(error);
    else end('RTMP_CLOSED');
  };
  const onBatchEnd = (): void => {
    silence?.refresh();
    told.onBatchEnd();
  };
  const client = await connectRtmp(url, { lookup, signal, onBatchEnd, onClose });
  try {
    await client.play(({ kind, timestampMs, payload }) => told.onMedia({ kind, timestampMs, payload }));
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
  silence = setTimeout(() => end('RTMP_TIMEOUT'), silentMs);
  return { closed: closed.promise, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}
