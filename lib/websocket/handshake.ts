import { createHash } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { subprotocol as subprotocols } from 'ws';
import { CodedError } from '../error/index.ts';
import { errorBody } from '../http/index.ts';
import { deflateAnswer, offersDeflate } from './deflate.ts';
import { websocketErrors } from './errors.ts';

const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export interface AcceptOptions {
  /**
   * Those that the server speaks. The first of the client's list that is among them is chosen, and a client without
   * any is refused. Absent: whatever the client lists, none is chosen.
   */
  readonly subprotocols?: readonly string[];
  /** Takes permessage-deflate from those who offer it. */
  readonly deflate?: boolean;
}

/** What was agreed on. */
export interface Accepted {
  /** Empty for none. */
  readonly subprotocol: string;
  readonly deflate: boolean;
}

/**
 * Answers an opening handshake (RFC 6455, 4.2). Whom the request comes from (Origin) is the caller's to judge.
 * @throws CodedError INVALID_REQUEST, METHOD_NOT_ALLOWED, UPGRADE_REQUIRED, with nothing written: `refuseUpgrade`
 * answers them
 */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  options: AcceptOptions = {},
): Accepted {
  const key = checkedKey(request);
  const subprotocol = chooseSubprotocol(request.headers['sec-websocket-protocol'], options.subprotocols);
  const deflate = options.deflate === true && isDeflateOffered(request.headers['sec-websocket-extensions']);
  const accept = createHash('sha1')
    .update(key + acceptGuid)
    .digest('base64');
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${accept}\r\n` +
      (subprotocol && `Sec-WebSocket-Protocol: ${subprotocol}\r\n`) +
      `${deflate ? `Sec-WebSocket-Extensions: ${deflateAnswer}\r\n` : ''}\r\n`,
    'latin1',
  );
  return agreedOn(subprotocol, deflate);
}

/** What was agreed on, the same object for all who agreed on the same. Bounded by what servers choose among. */
const agreements = new Map<string, Accepted>();

function agreedOn(subprotocol: string, deflate: boolean): Accepted {
  const key = `${deflate ? 'deflate' : ''} ${subprotocol}`;
  const known = agreements.get(key) ?? { subprotocol, deflate };
  agreements.set(key, known);
  return known;
}

/** Answers an upgrade with the status and body of the error, and ends the connection. */
export function refuseUpgrade(socket: Duplex, error: CodedError): void {
  const body = JSON.stringify(errorBody(error));
  const retry = error.retryAfterSeconds;
  socket.end(
    `HTTP/1.1 ${error.http} ${STATUS_CODES[error.http] ?? 'Refused'}\r\n` +
      'Content-Type: application/json; charset=utf-8\r\nConnection: close\r\nCache-Control: no-store\r\n' +
      (retry === undefined ? '' : `Retry-After: ${Math.ceil(retry)}\r\n`) +
      (error.code === 'UPGRADE_REQUIRED' ? 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' : '') +
      (error.code === 'METHOD_NOT_ALLOWED' ? 'Allow: GET\r\n' : '') +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function checkedKey({ method, httpVersion, headers }: IncomingMessage): string {
  if (method !== 'GET') throw new CodedError(websocketErrors, 'METHOD_NOT_ALLOWED');
  if (httpVersion !== '1.1') throw invalid('HTTP/1.1 is needed');
  if (!hasToken(headers.upgrade, 'websocket')) throw invalid('the header Upgrade must name websocket');
  if (!hasToken(headers.connection, 'upgrade')) throw invalid('the header Connection must name Upgrade');
  const version = headers['sec-websocket-version'];
  if (version === undefined) throw invalid('the header Sec-WebSocket-Version is missing');
  if (version !== '13') throw new CodedError(websocketErrors, 'UPGRADE_REQUIRED');
  const key = headers['sec-websocket-key'];
  // 16 bytes in base64.
  if (key === undefined || !/^[A-Za-z0-9+/]{22}==$/.test(key)) {
    throw invalid('the header Sec-WebSocket-Key must be 16 bytes in base64');
  }
  return key;
}

function chooseSubprotocol(header: string | undefined, known: readonly string[] | undefined): string {
  const offered =
    header === undefined ? [] : [...parsed('Sec-WebSocket-Protocol', subprotocols.parse, header)];
  if (!known) return '';
  const chosen = offered.find((name) => known.includes(name));
  if (chosen === undefined) {
    throw invalid(`the header Sec-WebSocket-Protocol must name one of ${known.join(', ')}`);
  }
  return chosen;
}

function isDeflateOffered(header: string | undefined): boolean {
  return header !== undefined && parsed('Sec-WebSocket-Extensions', offersDeflate, header);
}

function parsed<Value>(name: string, parse: (header: string) => Value, header: string): Value {
  try {
    return parse(header);
  } catch (cause) {
    throw new CodedError(websocketErrors, 'INVALID_REQUEST', {
      cause,
      detail: `the header ${name} is not valid`,
    });
  }
}

function hasToken(header: string | undefined, token: string): boolean {
  return header !== undefined && header.split(',').some((part) => part.trim().toLowerCase() === token);
}

function invalid(detail: string): CodedError {
  return new CodedError(websocketErrors, 'INVALID_REQUEST', { detail });
}
