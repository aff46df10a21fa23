import type { CallScope } from './call-scope.ts';

/** One call, encoded, on its way to a handler. */
export interface OutgoingCall {
  readonly service: string;
  readonly method: string;
  readonly request: Uint8Array;
  readonly scope: CallScope;
  readonly traceparent: string | undefined;
  /** The only member that may have it; any when undefined. */
  readonly member: string | undefined;
}

/**
 * Carries encoded messages to the handlers of a service. Errors are CodedErrors as the caller sees them;
 * NOT_CONNECTED and NOT_SERVED say that no handler saw the call.
 */
export interface Transport {
  unary(call: OutgoingCall): Promise<Uint8Array>;
  /** Starts with the first `next`; leaving the loop cancels the call. */
  stream(call: OutgoingCall): AsyncIterable<Uint8Array>;
}
