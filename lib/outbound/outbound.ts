import { lookup as resolve, type LookupAddress } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { CodedError } from '../error/index.ts';
import { outboundErrors } from './errors.ts';

/** Special-purpose addresses (RFC 6890) that a name or URL from outside must not make this machine call. */
const special = new BlockList();
const specialV4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;
const specialV6 = [
  ['::', 127],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const;
for (const [network, bits] of specialV4) special.addSubnet(network, bits, 'ipv4');
for (const [network, bits] of specialV6) special.addSubnet(network, bits, 'ipv6');

/** False for loopback, private, link-local, multicast and other special addresses, and for what is no address. */
export function isPublicAddress(address: string): boolean {
  return isIP(address) !== 0 && !special.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

export interface OutboundOptions {
  /** For installations whose targets stand in their own network. */
  readonly allowPrivate: boolean;
}

/**
 * Which hosts a connection may go to when somebody else named them. A name is judged by the addresses that the
 * connection is really made to, so that one which changes its mind between check and use gains nothing.
 */
export class Outbound {
  readonly #allowPrivate: boolean;

  constructor({ allowPrivate }: OutboundOptions) {
    this.#allowPrivate = allowPrivate;
  }

  /** For hosts that are addresses: those are connected to without a lookup. Errors: ADDRESS_NOT_PUBLIC. */
  check(host: string): void {
    const address = host.replace(/^\[|\]$/g, '');
    if (isIP(address) !== 0 && !this.#permits(address)) throw notPublic(address);
  }

  /** For `net.connect` and its kin: resolves as ever and leaves out what is not permitted. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, options.all ? [] : '');
      const permitted = addresses.filter(({ address }) => this.#permits(address));
      if (permitted.length === 0) return callback(notPublic(hostname), options.all ? [] : '');
      answer(permitted, options.all === true, callback);
    });
  };

  #permits(address: string): boolean {
    return this.#allowPrivate || isPublicAddress(address);
  }
}

type LookupCallback = Parameters<LookupFunction>[2];

function answer(addresses: LookupAddress[], isAll: boolean, callback: LookupCallback): void {
  if (isAll) callback(null, addresses);
  else callback(null, addresses[0].address, addresses[0].family);
}

function notPublic(detail: string): CodedError {
  return new CodedError(outboundErrors, 'ADDRESS_NOT_PUBLIC', { detail });
}
