import { CodedError } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** Where the client believes that it is: the origin of the page, before any proxy. */
export interface Page {
  readonly scheme: 'http' | 'https';
  /** With the port, as in the Host header. */
  readonly host: string;
  /** Without the port; IPv6 in brackets. */
  readonly hostname: string;
}

export interface PageOptions {
  /** The public address of the gateway, when it is configured; wins over what the client sent. */
  readonly publicUrl: string | undefined;
  /** True when the peer is a trusted proxy, whose X-Forwarded-Proto and -Host are believed. */
  readonly trusted: boolean;
}

const hostPattern = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?$/;

/** The page of a request; INVALID_REQUEST when its Host could not stand in a URL. */
export function pageOf(request: IncomingMessage, { publicUrl, trusted }: PageOptions): Page {
  if (publicUrl) return pageOfUrl(publicUrl);
  const forwarded = (name: string) => (trusted ? firstOf(request.headers[name]) : undefined);
  const encrypted = (request.socket as TLSSocket).encrypted ? 'https' : 'http';
  const scheme = forwarded('x-forwarded-proto') ?? encrypted;
  return pageOfHost(scheme, forwarded('x-forwarded-host') ?? request.headers.host ?? '');
}

/**
 * True unless a browser says that another site's page made the request. Sign-in has no session yet that
 * a CSRF token could belong to, so it is guarded by Origin (RFC 6454) and Sec-Fetch-Site (Fetch Metadata).
 */
export function isSameOrigin(request: IncomingMessage, page: Page): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin } = request.headers;
  if (origin === undefined) return true;
  const host = URL.parse(origin)?.host.toLowerCase();
  return (
    host !== undefined && (host === page.host.toLowerCase() || host === request.headers.host?.toLowerCase())
  );
}

function pageOfUrl(publicUrl: string): Page {
  const { protocol, host, hostname } = new URL(publicUrl);
  return { scheme: protocol === 'https:' ? 'https' : 'http', host, hostname };
}

function pageOfHost(scheme: string, host: string): Page {
  const [, hostname] = hostPattern.exec(host) ?? [];
  if (!hostname) throw new CodedError(protocolErrors, 'INVALID_REQUEST', { detail: 'the Host header' });
  return { scheme: scheme === 'https' ? 'https' : 'http', host, hostname };
}

function firstOf(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  return text?.split(',', 1)[0].trim().toLowerCase();
}
