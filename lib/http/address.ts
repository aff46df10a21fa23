import { BlockList, isIP, isIPv6 } from 'node:net';
import { CodedError } from '../error/index.ts';
import { httpErrors } from './errors.ts';

/** A set of networks. */
export interface AddressRanges {
  has(address: string): boolean;
}

/** Peers whose word on the client's address is believed. */
export type TrustedProxies = AddressRanges;

/** @throws CodedError PROXY_INVALID. Takes `10.0.0.0/8`, `fd00::/8`, `127.0.0.1`. */
export function trustedProxies(ranges: readonly string[]): TrustedProxies {
  const wrong = ranges.find((range) => !isAddressRange(range));
  if (wrong !== undefined) throw new CodedError(httpErrors, 'PROXY_INVALID', { detail: wrong });
  return addressRanges(ranges);
}

/** Networks and single addresses in CIDR notation, each one checked by `isAddressRange`. */
export function addressRanges(ranges: readonly string[]): AddressRanges {
  const list = new BlockList();
  for (const range of ranges) {
    const { address, family, prefix } = partsOf(range);
    list.addSubnet(address, prefix, family);
  }
  return { has: (address) => isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') };
}

/** True for an IP address or a CIDR range. */
export function isAddressRange(range: string): boolean {
  const { address, family, prefix } = partsOf(range);
  const bitsMax = family === 'ipv6' ? 128 : 32;
  return isIP(address) !== 0 && Number.isInteger(prefix) && prefix >= 0 && prefix <= bitsMax;
}

function partsOf(range: string) {
  const [address, bits] = range.split('/');
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  return {
    address,
    family,
    prefix: bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits),
  } as const;
}

/**
 * The client's address: the peer, or what X-Forwarded-For says, read from its right end for as long as the one
 * who wrote an entry is trusted. A made-up entry left of the first untrusted one is never reached.
 */
export function clientAddress(
  peer: string,
  forwardedFor: string | undefined,
  trusted: TrustedProxies,
): string {
  let address = normalizeAddress(peer) ?? '';
  const entries = forwardedFor?.split(',') ?? [];
  while (entries.length > 0 && trusted.has(address)) {
    const next = normalizeAddress(entries.pop() ?? '');
    if (next === undefined) break;
    address = next;
  }
  return address;
}

/** One client for limits: the address for IPv4, its /64 for IPv6, since one subscriber has all of that. */
export function rateKey(address: string): string {
  if (!isIPv6(address)) return address;
  return `${groupsOf(address).slice(0, 4).join(':')}::/64`;
}

/** Lower case, without brackets, port and zone; IPv4-mapped addresses as IPv4. Undefined when it is no address. */
export function normalizeAddress(text: string): string | undefined {
  const bare = text
    .trim()
    .toLowerCase()
    .replace(/^\[([^\]]*)\](:\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/, '');
  return isIP(bare) === 0 ? undefined : bare;
}

/** `host:port` as it is written in URLs. */
export function hostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

function groupsOf(address: string): string[] {
  const [left, right] = address.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const written = head.length + tail.length + (address.includes('.') ? 1 : 0);
  const zeros = right === undefined ? 0 : 8 - written;
  const groups = [...head, ...Array.from({ length: zeros }, () => '0'), ...tail];
  return groups.map((group) => group.replace(/^0+(?=.)/, ''));
}
