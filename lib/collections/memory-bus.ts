import { setImmediate as nextTurn } from 'node:timers/promises';
import { CodedError } from '../error/index.ts';
import type { Bus, BusListener, Subscription } from './bus-types.ts';
import { collectionsErrors } from './errors.ts';
import { channelsMax, messageBytesMax } from './limits.ts';
import type { Telemetry } from './telemetry.ts';

/** Listeners of one process by channel; what one of them throws is its own. */
export class BusListeners {
  readonly #channels = new Map<string, Set<BusListener>>();
  readonly #telemetry: Telemetry;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  channels(): string[] {
    return [...this.#channels.keys()];
  }

  /** True when it is the first of the channel. Errors: COLLECTIONS_BUSY. */
  add(channel: string, listener: BusListener): boolean {
    const listeners = this.#channels.get(channel);
    if (listeners) return (listeners.add(listener), false);
    if (this.#channels.size >= channelsMax)
      throw new CodedError(collectionsErrors, 'COLLECTIONS_BUSY', { detail: `${channelsMax} channels` });
    this.#channels.set(channel, new Set([listener]));
    return true;
  }

  /** True when it was the last of the channel. */
  remove(channel: string, listener: BusListener): boolean {
    const listeners = this.#channels.get(channel);
    listeners?.delete(listener);
    return listeners?.size === 0 && this.#channels.delete(channel);
  }

  deliver(channel: string, message: Buffer): void {
    for (const listener of this.#channels.get(channel) ?? []) {
      this.#telemetry.counters.busDelivered++;
      this.#guard(channel, () => listener.onMessage(message));
    }
  }

  announceGap(epoch: number): void {
    for (const [channel, listeners] of this.#channels) {
      for (const listener of listeners) this.#guard(channel, () => listener.onGap(epoch));
    }
  }

  #guard(channel: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#telemetry.listenerFailed(error, channel);
    }
  }
}

/** Errors: VALUE_TOO_LARGE. */
export function assertMessage(channel: string, message: Uint8Array): void {
  if (message.byteLength > messageBytesMax)
    throw new CodedError(collectionsErrors, 'VALUE_TOO_LARGE', {
      detail: `a message of ${message.byteLength} bytes on ${channel}`,
    });
}

/** The bus of one process alone: nothing is ever missed. */
export class MemoryBus implements Bus {
  readonly #listeners: BusListeners;
  readonly #telemetry: Telemetry;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
    this.#listeners = new BusListeners(telemetry);
  }

  async publish(channel: string, message: Uint8Array): Promise<void> {
    assertMessage(channel, message);
    this.#telemetry.counters.busPublished++;
    const copy = Buffer.from(message);
    // Never within the call: a publisher must not run the code of its listeners.
    await nextTurn();
    this.#listeners.deliver(channel, copy);
  }

  async subscribe(channel: string, listener: BusListener): Promise<Subscription> {
    this.#listeners.add(channel, listener);
    return {
      epoch: 1,
      isFlowing: true,
      [Symbol.asyncDispose]: async () => void this.#listeners.remove(channel, listener),
    };
  }
}
