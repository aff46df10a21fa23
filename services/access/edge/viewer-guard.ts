import { CodedError } from '@gala/lib/error';
import { edgeErrors } from '@gala/protocol/errors';
import { grantNames } from '@gala/protocol/play';
import type { HookProtocol, Hooks, HookSession } from './hooks/hooks.ts';
import type { AddressLists } from './limits/address-lists.ts';
import type { LimitsConfig } from './limits/config.ts';
import type { LimitEvents } from './limits/events.ts';
import type { Stream } from './stream.ts';

export interface ViewerGuardOptions {
  readonly hooks: Hooks;
  readonly lists: AddressLists;
  readonly limits: Pick<LimitsConfig, 'viewersPerStreamMax'>;
  readonly events: LimitEvents;
}

/** Who wants to watch. */
export interface Caller {
  /** Of the client itself, behind all proxies that are believed. */
  readonly address: string;
  readonly protocol: HookProtocol;
  readonly query: URLSearchParams;
}

/** Something that stands for one viewer of a stream. */
interface Watching {
  readonly stream: Stream;
}

/** Parameters that are ours, or open rooms: hooks do not get them. */
const ownParameters = new Set<string>([...grantNames, 'player', '_HLS_msn', '_HLS_part', '_HLS_skip']);

/** What a viewer has to pass beside the limits of the process: lists of addresses, room in the stream, the hook. */
export class ViewerGuard {
  readonly #options: ViewerGuardOptions;
  /** Of those who were asked about, or whose end is told. */
  readonly #sessions = new Map<Watching, HookSession>();
  readonly #perStream = new WeakMap<Stream, number>();

  constructor(options: ViewerGuardOptions) {
    this.#options = options;
  }

  /** True when a hook decides about viewers. */
  get asks(): boolean {
    return this.#options.hooks.asksPlay;
  }

  /** @param address Of the client itself. @throws CodedError ADDRESS_DENIED */
  checkAddress(address: string): void {
    this.#options.lists.checkViewer(address);
  }

  /** @throws CodedError STREAM_FULL */
  checkRoom(stream: Stream): void {
    if ((this.#perStream.get(stream) ?? 0) < this.#options.limits.viewersPerStreamMax) return;
    this.#options.events.streamFull();
    throw new CodedError(edgeErrors, 'STREAM_FULL');
  }

  /** A place in a stream is taken (1) or given back (-1). */
  count(stream: Stream, change: 1 | -1): void {
    this.#perStream.set(stream, (this.#perStream.get(stream) ?? 0) + change);
  }

  /** @throws what `Hooks.askPlay` does */
  async ask(watching: Watching, { address, protocol, query }: Caller, signal?: AbortSignal): Promise<void> {
    const { hooks } = this.#options;
    if (!hooks.followsViewers) return;
    const { roomId, identity } = watching.stream;
    const subject = {
      roomId,
      host: identity.hostName,
      address,
      protocol,
      query: foreignQuery(query).toString(),
    };
    this.#sessions.set(watching, await hooks.askPlay(subject, signal));
  }

  /** Call when a viewer is gone, whether it was asked about or not. */
  end(watching: Watching): void {
    const session = this.#sessions.get(watching);
    if (!session) return;
    this.#sessions.delete(watching);
    const { epoch, state } = watching.stream;
    session.end({ reason: state === 'ended' ? 'stream_ended' : 'left', epoch });
  }
}

/** What a client has added of its own, such as a token for the hook. */
export function foreignQuery(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...query].filter(([name]) => !ownParameters.has(name)));
}
