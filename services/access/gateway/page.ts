import { CodedError } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import type { IncomingMessage } from 'node:http';

/** Where the client believes that it is: the origin of the page, before any proxy. */
export interface Page {
  readonly scheme: 'http' | 'https';
  /** With the port, unless it is the scheme's own. */
  readonly host: string;
  /** Without the port; IPv6 in brackets. */
  readonly hostname: string;
}

/** The page of an origin or public address; INVALID_REQUEST when the client's Host could not stand in a URL. */
export function pageOf(address: string): Page {
  const url = URL.parse(address);
  const usable = url && /^https?:$/.test(url.protocol) && url.username === '';
  if (!usable) throw new CodedError(protocolErrors, 'INVALID_REQUEST', { detail: 'the Host header' });
  return { scheme: url.protocol === 'https:' ? 'https' : 'http', host: url.host, hostname: url.hostname };
}

/**
 * True unless a browser says that another site's page made the request. Sign-in has no session yet that
 * a CSRF token could belong to, so it is guarded by Origin (RFC 6454) and Sec-Fetch-Site (Fetch Metadata).
 */
export function isSameOrigin({ headers }: IncomingMessage, page: Page): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  if (headers.origin === undefined) return true;
  const host = URL.parse(headers.origin)?.host;
  return host !== undefined && (host === page.host || host === headers.host?.toLowerCase());
}
