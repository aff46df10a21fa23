import { RateLimiter, type HttpListener, type RequestHandler } from '@gala/lib/http';
import type { Context } from '@gala/lib/lifecycle';
import { isCoverUrl, openCovers } from './covers/index.ts';
import { HlsDoor, type HlsDoorOptions } from './hls/door.ts';
import { HlsHome } from './hls/home.ts';
import { isHlsUrl } from './hls/request.ts';
import type { Play } from './play.ts';
import type { ClusterToken } from '@gala/lib/rpc';
import type { Edges } from './relay/edges.ts';
import { openReplay } from './replay/open.ts';
import { isReplayUrl } from './replay/request.ts';
import type { Streams } from './streams.ts';

type ReplayParts = Parameters<typeof openReplay>[1];

export interface LiveDoorsOptions extends Omit<HlsDoorOptions, 'limiter'> {
  readonly play: Play;
  readonly streams: Streams;
  readonly recordings: ReplayParts['recordings'];
  readonly edges: Edges;
  readonly token: ClusterToken;
  /** Requests of HLS on their way to other edges. */
  readonly requestsMax: number;
}

export interface LiveDoors extends AsyncDisposable {
  readonly listener: HttpListener;
}

/** Everything that HTTP serves below `/live`: FLV, HLS, replays and covers. */
export async function openLiveDoors(context: Context, options: LiveDoorsOptions): Promise<LiveDoors> {
  const { play, streams, lookup, recordings, keys, config } = options;
  await using stack = new AsyncDisposableStack();
  const covers = stack.use(openCovers(context, { streams, lookup }));
  const limiter = new RateLimiter({ ...config.requestsPerAddress, clock: context.clock });
  const door = new HlsDoor({ ...options, limiter });
  const { edges, token, requestsMax } = options;
  const hls = new HlsHome({ edges, door, play, lookup, token, requestsMax });
  stack.defer((await context.listener('internal')).mount('/hls', hls.passedOn));
  const replay = openReplay(context, { recordings, keys, play });
  const doorOf = (url: string) => {
    if (isReplayUrl(url)) return replay;
    if (isCoverUrl(url)) return covers;
    return isHlsUrl(url) ? hls : play;
  };
  const request: RequestHandler = (...call) => doorOf(call[0].url ?? '').request(...call);
  const listener = await context.listener('live');
  stack.defer(listener.mount('/live', request));
  stack.defer(listener.mountUpgrade('/live', play.upgrade));
  const owned = stack.move();
  return { listener, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
