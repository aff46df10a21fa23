import { isIP, type Socket } from 'node:net';
import { normalizeAddress } from './address.ts';

/** Whom a PROXY header (haproxy.org, proxy-protocol.txt, versions 1 and 2) names as the client. */
export interface ProxySource {
  readonly address: string;
  readonly port: number;
}

export type ProxyHeader =
  | { readonly state: 'incomplete' }
  | { readonly state: 'invalid' }
  /** `source` is undefined for LOCAL and UNKNOWN: the proxy speaks for itself, as in health checks. */
  | { readonly state: 'complete'; readonly bytes: number; readonly source: ProxySource | undefined };

const signature2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const line1BytesMax = 107;
const body2BytesMax = 4096;
const incomplete: ProxyHeader = { state: 'incomplete' };
const invalid: ProxyHeader = { state: 'invalid' };

/** Parses the header at the start of `bytes`; never needs more than 4112 bytes to decide. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, signature2)) return bytes.length < 16 ? incomplete : parseVersion2(bytes);
  if (startsLike(bytes, Buffer.from('PROXY '))) return parseVersion1(bytes);
  return invalid;
}

/**
 * Reads the header off a fresh connection and gives back what follows it. Resolves with the source, undefined
 * for LOCAL; rejects when the header is absent, broken or late. The caller destroys the socket then.
 */
export function readProxyHeader(socket: Socket, timeoutMs = 5000): Promise<ProxySource | undefined> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const timer = setTimeout(() => settle(new Error('no PROXY header in time')), timeoutMs);
    const onEnd = (): void => settle(new Error('closed before the PROXY header'));
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = Buffer.concat([bytes, chunk]);
      const header = parseProxyHeader(bytes);
      if (header.state === 'invalid') settle(new Error('no valid PROXY header'));
      if (header.state === 'complete') settle(undefined, header);
    };
    const settle = (error?: Error, header?: Extract<ProxyHeader, { state: 'complete' }>): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', settle);
      if (!header) return reject(error ?? new Error('no PROXY header'));
      if (bytes.length > header.bytes) socket.unshift(bytes.subarray(header.bytes));
      resolve(header.source);
    };
    socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', settle);
  });
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function parseVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.indexOf('\r\n');
  if (end < 0) return bytes.length < line1BytesMax ? incomplete : invalid;
  if (end + 2 > line1BytesMax) return invalid;
  const [, family, source, , port] = bytes.toString('latin1', 0, end).split(' ');
  if (family === 'UNKNOWN') return { state: 'complete', bytes: end + 2, source: undefined };
  const address = normalizeAddress(source ?? '');
  const known =
    (family === 'TCP4' || family === 'TCP6') && address !== undefined && /^\d{1,5}$/.test(port ?? '');
  return known ? { state: 'complete', bytes: end + 2, source: { address, port: Number(port) } } : invalid;
}

function parseVersion2(bytes: Buffer): ProxyHeader {
  const [version, command, family] = [bytes[12] >> 4, bytes[12] & 15, bytes[13] >> 4];
  const length = bytes.readUInt16BE(14);
  if (version !== 2 || command > 1 || length > body2BytesMax) return invalid;
  if (bytes.length < 16 + length) return incomplete;
  const source = command === 1 ? sourceOf(bytes.subarray(16, 16 + length), family) : undefined;
  const unspecified = command === 0 || family === 0 || family === 3;
  return source || unspecified ? { state: 'complete', bytes: 16 + length, source } : invalid;
}

function sourceOf(body: Buffer, family: number): ProxySource | undefined {
  if (family === 1 && body.length >= 12) {
    return { address: body.subarray(0, 4).join('.'), port: body.readUInt16BE(8) };
  }
  if (family !== 2 || body.length < 36) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => body.readUInt16BE(index * 2));
  const text = groups.map((group) => group.toString(16)).join(':');
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  const address = mapped ? body.subarray(12, 16).join('.') : text;
  return isIP(address) === 0 ? undefined : { address, port: body.readUInt16BE(32) };
}
