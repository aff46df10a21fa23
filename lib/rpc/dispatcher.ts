import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { hasCode, invariant, type CodedError } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import { abortable } from './call-scope.ts';
import { rpcError } from './errors.ts';
import { decode, encode } from './message.ts';
import type { CallContext, Handlers } from './types.ts';

type AnyHandler = (request: unknown, call: CallContext) => unknown;

/** A call as it reaches its callee, by either transport. */
export interface IncomingCall {
  readonly service: string;
  readonly method: string;
  readonly request: Uint8Array;
  /** Aborted with a CodedError when the caller is gone or out of time. */
  readonly signal: AbortSignal;
  readonly traceparent: string | undefined;
}

export interface DispatcherCounters {
  callsServed: number;
  handlerFaults: number;
}

interface Served {
  readonly methods: ReadonlyMap<string, { readonly method: DescMethod; readonly handler: AnyHandler }>;
  readonly running: Set<AbortController>;
}

/** How long unary calls may go on when their service is withdrawn. */
const drainMs = 2000;

/** The services of this process. Handlers get frozen requests, and leave as bytes or CodedErrors. */
export class Dispatcher {
  readonly #served = new Map<string, Served>();
  readonly #logger: Logger;
  readonly #counters: DispatcherCounters;

  constructor(logger: Logger, counters: DispatcherCounters) {
    this.#logger = logger;
    this.#counters = counters;
  }

  has(service: string): boolean {
    return this.#served.has(service);
  }

  add<Service extends DescService>(service: Service, handlers: Handlers<Service>): void {
    invariant(!this.has(service.typeName), `${service.typeName} is served once in a process`);
    const byName = handlers as unknown as Readonly<Record<string, AnyHandler>>;
    const methods = new Map(
      service.methods.map((method) => [
        method.name,
        { method, handler: byName[method.localName].bind(handlers) },
      ]),
    );
    this.#served.set(service.typeName, { methods, running: new Set() });
  }

  /** Refuses new calls, ends streams, lets unary calls finish within a bound, then aborts them. */
  async remove(service: string): Promise<void> {
    const served = this.#served.get(service);
    if (!served) return;
    this.#served.delete(service);
    const endsAtMs = performance.now() + drainMs;
    for (const controller of served.running)
      if (streams.has(controller)) controller.abort(rpcError('UNAVAILABLE'));
    while (served.running.size > 0 && performance.now() < endsAtMs)
      await new Promise((resolve) => setTimeout(resolve, 5));
    for (const controller of served.running) controller.abort(rpcError('UNAVAILABLE'));
  }

  async unary(call: IncomingCall): Promise<Uint8Array> {
    const { served, method, handler } = this.#find(call);
    const running = start(served, call);
    try {
      const context = { signal: running.controller.signal, traceparent: call.traceparent };
      const answer = handler(decode(method.input, call.request), context) as Promise<never>;
      return this.#encode(method, await abortable(answer, context.signal));
    } catch (error) {
      throw this.#explain(error, call, running.controller.signal);
    } finally {
      running.stop();
    }
  }

  async *stream(call: IncomingCall): AsyncGenerator<Uint8Array, void, void> {
    const { served, method, handler } = this.#find(call);
    const running = start(served, call);
    streams.add(running.controller);
    const context = { signal: running.controller.signal, traceparent: call.traceparent };
    let iterator: AsyncIterator<never> | undefined;
    try {
      const messages = handler(decode(method.input, call.request), context) as AsyncIterable<never>;
      iterator = messages[Symbol.asyncIterator]();
      for (;;) {
        const result = await abortable(iterator.next(), context.signal);
        if (result.done) return;
        yield this.#encode(method, result.value);
      }
    } catch (error) {
      throw this.#explain(error, call, context.signal);
    } finally {
      running.stop();
      running.controller.abort(rpcError('CANCELLED'));
      // Not awaited: a generator that waits for something else would hold the caller up.
      iterator?.return?.().catch((error: unknown) => this.#explain(error, call, context.signal));
    }
  }

  #find(call: IncomingCall): { served: Served; method: DescMethod; handler: AnyHandler } {
    const served = this.#served.get(call.service);
    const found = served?.methods.get(call.method);
    if (!served || !found) throw rpcError('NOT_SERVED', { detail: `${call.service}/${call.method}` });
    this.#counters.callsServed++;
    return { served, ...found };
  }

  #encode(method: DescMethod, answer: never): Uint8Array {
    try {
      return encode(method.output, answer);
    } catch (cause) {
      // The handler's fault, not the caller's.
      if (hasCode(cause, 'INVALID_REQUEST'))
        throw new Error(`handler answered no ${method.output.typeName}`, { cause });
      throw cause;
    }
  }

  /** What the caller may know of an error: its code if it has one; anything else is logged here. */
  #explain(error: unknown, call: IncomingCall, signal: AbortSignal): CodedError {
    if (hasCode(error)) return error;
    if (signal.aborted) return signal.reason as CodedError;
    this.#counters.handlerFaults++;
    this.#logger.error({ error, service: call.service, method: call.method }, 'handler failed');
    return rpcError('INTERNAL');
  }
}

/** Calls whose answers have no end of their own. */
const streams = new WeakSet<AbortController>();

function start(served: Served, call: IncomingCall): { controller: AbortController; stop: () => void } {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(call.signal.reason);
  if (call.signal.aborted) onAbort();
  else call.signal.addEventListener('abort', onAbort, { once: true });
  served.running.add(controller);
  const stop = (): void => {
    served.running.delete(controller);
    call.signal.removeEventListener('abort', onAbort);
  };
  return { controller, stop };
}
