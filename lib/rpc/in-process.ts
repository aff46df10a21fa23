import { hasCode } from '../error/index.ts';
import type { Dispatcher, IncomingCall } from './dispatcher.ts';
import { fromWire, toWire } from './errors.ts';
import type { OutgoingCall, Transport } from './transport.ts';

/** Calls handlers of this process. Errors are made anew, as on the wire: no cause or stack leaves the callee. */
export class InProcessTransport implements Transport {
  readonly #dispatcher: Dispatcher;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  async unary(call: OutgoingCall): Promise<Uint8Array> {
    try {
      return await this.#dispatcher.unary(incoming(call));
    } catch (error) {
      throw asSeenByCaller(error, call);
    }
  }

  async *stream(call: OutgoingCall): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* this.#dispatcher.stream(incoming(call));
    } catch (error) {
      throw asSeenByCaller(error, call);
    }
  }
}

function incoming({ service, method, request, scope, traceparent }: OutgoingCall): IncomingCall {
  return { service, method, request, signal: scope.signal, traceparent };
}

function asSeenByCaller(error: unknown, { scope }: OutgoingCall): unknown {
  if (scope.signal.aborted) return scope.signal.reason;
  return hasCode(error) ? fromWire(toWire(error)) : error;
}
