import { isIPv6 } from 'node:net';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import { accountErrors } from '@gala/protocol/errors';

/** Names and addresses remembered at once; beyond it the one whose window began first is forgotten. */
const keysMax = 10_000;

export interface TryLimits {
  readonly triesPerNameMax: number;
  readonly triesPerAddressMax: number;
  readonly tryWindowSeconds: number;
}

/**
 * Failed sign-ins of one process by name and by address, in fixed windows. A try is taken before the
 * password is checked, so that tries made at once count as well, and given back unless it was wrong.
 */
export class Tries {
  readonly #byName: Windows;
  readonly #byAddress: Windows;

  constructor(limits: TryLimits, clock: Clock) {
    const windowMs = limits.tryWindowSeconds * 1000;
    this.#byName = new Windows({ clock, windowMs, triesMax: limits.triesPerNameMax });
    this.#byAddress = new Windows({ clock, windowMs, triesMax: limits.triesPerAddressMax });
  }

  /** @throws CodedError TOO_MANY_TRIES with the time until the window ends */
  take(name: string, address: string): void {
    const addressKey = addressKeyOf(address);
    if (addressKey) this.#byAddress.take(addressKey);
    this.#byName.take(name);
  }

  /** Nothing was found out, since something broke: the try does not count. */
  giveBack(name: string, address: string): void {
    this.#byName.giveBack(name);
    this.#byAddress.giveBack(addressKeyOf(address));
  }

  /** The password was right: the name starts anew, the address gets its try back. */
  succeed(name: string, address: string): void {
    this.#byName.clear(name);
    this.#byAddress.giveBack(addressKeyOf(address));
  }
}

interface WindowLimits {
  readonly clock: Clock;
  readonly windowMs: number;
  readonly triesMax: number;
}

class Windows {
  readonly #limits: WindowLimits;
  readonly #windows = new Map<string, { tries: number; readonly endsAtMs: number }>();

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  take(key: string): void {
    const nowMs = this.#limits.clock.monotonicMs();
    const known = this.#windows.get(key);
    const window = known && known.endsAtMs > nowMs ? known : this.#begin(key, nowMs);
    if (window.tries >= this.#limits.triesMax) {
      const retryAfterSeconds = Math.ceil((window.endsAtMs - nowMs) / 1000);
      throw new CodedError(accountErrors, 'TOO_MANY_TRIES', { retryAfterSeconds });
    }
    window.tries++;
  }

  giveBack(key: string): void {
    const window = this.#windows.get(key);
    if (window && window.tries > 0) window.tries--;
  }

  clear(key: string): void {
    this.#windows.delete(key);
  }

  #begin(key: string, nowMs: number) {
    this.#windows.delete(key);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size >= keysMax) this.#windows.delete(oldest);
    const window = { tries: 0, endsAtMs: nowMs + this.#limits.windowMs };
    this.#windows.set(key, window);
    return window;
  }
}

/** An IPv6 client owns a /64, so its tries count together; an IPv4 address may come in IPv6 clothes. */
export function addressKeyOf(address: string): string {
  const mapped = /^::ffff:(?<ipv4>[0-9.]+)$/i.exec(address)?.groups;
  if (mapped) return mapped.ipv4;
  if (!isIPv6(address)) return address.slice(0, 64);
  const [head, tail] = address.toLowerCase().split('%')[0].split('::');
  const headGroups = head ? head.split(':') : [];
  const tailGroups = tail ? tail.split(':') : [];
  const zeros = Array.from({ length: Math.max(0, 8 - headGroups.length - tailGroups.length) }, () => '0');
  const groups = tail === undefined ? headGroups : [...headGroups, ...zeros, ...tailGroups];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
