import { CodedError } from '@gala/lib/error';
import { addressRanges, type AddressRanges } from '@gala/lib/http';
import { edgeErrors } from '@gala/protocol/errors';
import type { AddressesConfig } from './config.ts';
import type { LimitEvents } from './events.ts';

interface List {
  /** Undefined: everybody. */
  readonly allowed: AddressRanges | undefined;
  readonly denied: AddressRanges;
}

/** Who may publish and who may play, by address. Asked before anything else is looked at. */
export class AddressLists {
  readonly #publish: List;
  readonly #play: List;
  readonly #events: LimitEvents;

  constructor(config: AddressesConfig, events: LimitEvents) {
    this.#publish = listOf(config.publishAllow, config.publishDeny);
    this.#play = listOf(config.playAllow, config.playDeny);
    this.#events = events;
  }

  /** @param address Normalized. @throws CodedError ADDRESS_DENIED */
  checkPublisher(address: string): void {
    if (!permits(this.#publish, address)) throw this.#denied('publish', address);
  }

  /** @param address Normalized. @throws CodedError ADDRESS_DENIED */
  checkViewer(address: string): void {
    if (!permits(this.#play, address)) throw this.#denied('play', address);
  }

  #denied(what: 'publish' | 'play', address: string): CodedError {
    this.#events.addressDenied(what, address);
    return new CodedError(edgeErrors, 'ADDRESS_DENIED');
  }
}

function listOf(allow: readonly string[], deny: readonly string[]): List {
  return { allowed: allow.length > 0 ? addressRanges(allow) : undefined, denied: addressRanges(deny) };
}

/** An address that cannot be read is in no list: where only some are allowed, it is not. */
function permits({ allowed, denied }: List, address: string): boolean {
  return (allowed?.has(address) ?? true) && !denied.has(address);
}
