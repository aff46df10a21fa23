import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { hasCode } from '../error/index.ts';
import type { Histogram } from '../metrics/index.ts';
import { CallScope, abortable, pause } from './call-scope.ts';
import type { Dispatcher } from './dispatcher.ts';
import { rpcError, wasNeverServed } from './errors.ts';
import { InProcessTransport } from './in-process.ts';
import type { Members } from './members.ts';
import { decode, encode } from './message.ts';
import type { OutgoingCall, Transport } from './transport.ts';
import type { CallOptions, Client } from './types.ts';

/** Time limit of unary calls that name none. Streams have none, since they may be meant to last. */
const timeoutMsDefault = 5000;
/** How long a call waits for a member that can be reached. */
const memberMsMax = 1000;
/** How often it looks anew meanwhile; a change of the members wakes it as well. */
const lookAgainMs = 50;

export interface CallerCounters {
  calls: number;
  callsInProcess: number;
  /** Answered UNAVAILABLE, DEADLINE_EXCEEDED or INTERNAL. */
  callsFailed: number;
  /** Attempts that no handler saw and that went to another member. */
  callsRerouted: number;
}

export interface CallerParts {
  /** Id of this process among the members. */
  readonly memberId: string;
  readonly dispatcher: Dispatcher;
  readonly members: Members;
  readonly counters: CallerCounters;
  /** Seconds of unary calls. */
  readonly latency: Histogram;
}

/** The calling side: chooses who gets a call. Only a call that no handler saw is given to another member. */
export class Caller {
  readonly #parts: CallerParts;
  readonly #inProcess: Transport;

  constructor(parts: CallerParts) {
    this.#parts = parts;
    this.#inProcess = new InProcessTransport(parts.dispatcher);
  }

  client<Service extends DescService>(service: Service): Client<Service> {
    const methods = service.methods.map((method) => {
      const call = method.methodKind === 'unary' ? this.#unary(method) : this.#stream(method);
      return [method.localName, call] as const;
    });
    return Object.fromEntries(methods) as unknown as Client<Service>;
  }

  async members(service: DescService): Promise<readonly string[]> {
    try {
      const view = await this.#parts.members.view(service.typeName);
      return view.list().map(({ id }) => id);
    } catch (cause) {
      throw notKnown(service.typeName, cause);
    }
  }

  #unary(method: DescMethod): (request: object, options?: CallOptions) => Promise<unknown> {
    return async (request, options = {}) => {
      using scope = new CallScope(options.timeoutMs ?? timeoutMsDefault, options.signal);
      const startedAtMs = performance.now();
      this.#parts.counters.calls++;
      try {
        const call = outgoing(method, { request, scope, options });
        const bytes = await this.#attempts(call, (transport) => transport.unary(call));
        return decode(method.output, bytes);
      } catch (error) {
        throw this.#failed(error);
      } finally {
        this.#parts.latency.observe((performance.now() - startedAtMs) / 1000);
      }
    };
  }

  #stream(method: DescMethod): (request: object, options?: CallOptions) => AsyncIterable<unknown> {
    const run = this.#run.bind(this);
    return (request, options = {}) => ({
      [Symbol.asyncIterator]: () => run(method, request, options),
    });
  }

  async *#run(
    method: DescMethod,
    request: object,
    options: CallOptions,
  ): AsyncGenerator<unknown, void, void> {
    using scope = new CallScope(options.timeoutMs, options.signal);
    this.#parts.counters.calls++;
    let messages: AsyncIterator<Uint8Array> = nothing();
    try {
      const call = outgoing(method, { request, scope, options });
      let next = await this.#attempts(call, (transport) => {
        messages = transport.stream(call)[Symbol.asyncIterator]();
        return messages.next();
      });
      while (!next.done) {
        yield decode(method.output, next.value);
        next = await abortable(messages.next(), scope.signal);
      }
    } catch (error) {
      throw this.#failed(error);
    } finally {
      await messages.return?.();
    }
  }

  /** Runs the call on one member after the other until a handler has seen it or the bound has passed. */
  async #attempts<Answer>(
    call: OutgoingCall,
    run: (transport: Transport) => Promise<Answer>,
  ): Promise<Answer> {
    const tried = new Set<Transport>();
    const endsAtMs = performance.now() + memberMsMax;
    for (let failure: unknown; ;) {
      const transport = await this.#choose(call, { tried, endsAtMs, failure });
      try {
        return await run(transport);
      } catch (error) {
        if (!wasNeverServed(error)) throw error;
        this.#parts.counters.callsRerouted++;
        tried.add(transport);
        failure = error;
      }
    }
  }

  async #choose(call: OutgoingCall, search: Search): Promise<Transport> {
    const { service, scope, member: only } = call;
    const mayBeServedHere = only === undefined || only === this.#parts.memberId;
    for (;;) {
      scope.signal.throwIfAborted();
      if (mayBeServedHere && this.#parts.dispatcher.has(service)) {
        this.#parts.counters.callsInProcess++;
        return this.#inProcess;
      }
      const view = await this.#view(call);
      const member = this.#parts.members.pick(service, search.tried, only);
      if (member) return member;
      search.tried.clear();
      // A member that was there and has left does not come back; one that is new may not be listed yet.
      const hasLeft = search.failure !== undefined && !view.list().some(({ id }) => id === only);
      if (performance.now() >= search.endsAtMs || (only !== undefined && hasLeft)) {
        const detail = `${only === undefined ? 'no member' : `no member ${only}`} serves ${service}`;
        throw rpcError('UNAVAILABLE', { cause: search.failure, detail });
      }
      await pause(lookAgainMs, scope.signal, (wake) => view.onChange(wake));
    }
  }

  async #view({ service, scope }: OutgoingCall): ReturnType<Members['view']> {
    try {
      return await abortable(this.#parts.members.view(service), scope.signal);
    } catch (cause) {
      if (scope.signal.aborted) throw cause;
      throw notKnown(service, cause);
    }
  }

  #failed(error: unknown): unknown {
    if (hasCode(error, 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'INTERNAL')) this.#parts.counters.callsFailed++;
    return error;
  }
}

function notKnown(service: string, cause: unknown): unknown {
  return rpcError('UNAVAILABLE', { cause, detail: `the members of ${service} are not known` });
}

/** Stands for a stream that never began. */
async function* nothing(): AsyncGenerator<Uint8Array> {}

interface Search {
  readonly tried: Set<Transport>;
  readonly endsAtMs: number;
  readonly failure: unknown;
}

function outgoing(
  method: DescMethod,
  { request, scope, options }: { request: object; scope: CallScope; options: CallOptions },
): OutgoingCall {
  const bytes = encode(method.input, request as Record<string, unknown>);
  const { traceparent, member } = options;
  return { service: method.parent.typeName, method: method.name, request: bytes, scope, traceparent, member };
}
