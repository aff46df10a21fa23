import { MediaError } from '../error/index.ts';

const DEFAULT_PORTS: Record<string, number> = { 'rtmp:': 1935, 'rtmps:': 443 };

/** The parts of an RTMP address that a client needs. */
export interface RtmpUrl {
  host: string;
  port: number;
  isSecure: boolean;
  app: string;
  /** Address without the stream name, as `connect` sends it. */
  tcUrl: string;
  /** Last part of the path with the query, empty if the path is the application alone. */
  streamName: string;
}

/** Splits `rtmp[s]://host[:port]/app[/stream][?query]`. Errors: `RTMP_URL_INVALID`. */
export function parseRtmpUrl(text: string): RtmpUrl {
  const url = URL.parse(text);
  const defaultPort = url === null ? undefined : DEFAULT_PORTS[url.protocol];
  if (url === null || defaultPort === undefined || url.hostname === '')
    throw new MediaError('RTMP_URL_INVALID');
  const [app = '', ...rest] = url.pathname.split('/').filter((part) => part !== '');
  if (app === '') throw new MediaError('RTMP_URL_INVALID', 'no application');
  const name = rest.join('/');
  const streamName = name === '' ? '' : name + url.search;
  const appWithQuery = name === '' ? app + url.search : app;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? defaultPort : Number(url.port),
    isSecure: url.protocol === 'rtmps:',
    app: appWithQuery,
    tcUrl: `${url.protocol}//${url.host}/${appWithQuery}`,
    streamName,
  };
}
