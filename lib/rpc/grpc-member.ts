import {
  Client,
  Metadata,
  connectivityState,
  credentials,
  type CallOptions as GrpcCallOptions,
  type ClientReadableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import type { CodedError } from '../error/index.ts';
import { ClusterToken } from './cluster-token.ts';
import { abortable, type CallScope } from './call-scope.ts';
import { rpcError } from './errors.ts';
import { clientOptions, identity } from './grpc-options.ts';
import type { OutgoingCall, Transport } from './transport.ts';
import { errorOf } from './wire-metadata.ts';

/** A connection to another process and the calls on it. A call is sent only when the connection stands. */
export class GrpcMember implements Transport, Disposable {
  readonly address: string;
  /** Calls and streams under way. */
  outstanding = 0;
  /** Time (monotonic) of the last attempt that found no connection. */
  unreachableAtMs = -Infinity;
  readonly #client: Client;
  readonly #authorization: string;
  readonly #connectMsMax: number;

  constructor(address: string, clusterToken: string, connectMsMax: number) {
    this.address = address;
    this.#client = new Client(address, credentials.createInsecure(), clientOptions);
    this.#authorization = new ClusterToken(clusterToken).authorization;
    this.#connectMsMax = connectMsMax;
  }

  async unary(call: OutgoingCall): Promise<Uint8Array> {
    this.outstanding++;
    try {
      await this.#connect(call.scope);
      return await this.#send(call);
    } finally {
      this.outstanding--;
    }
  }

  async *stream(call: OutgoingCall): AsyncGenerator<Uint8Array, void, void> {
    this.outstanding++;
    try {
      await this.#connect(call.scope);
      yield* this.#receive(call);
    } finally {
      this.outstanding--;
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  #send(call: OutgoingCall): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const done = (error: ServiceError | null, answer?: Buffer): void => {
      call.scope.signal.removeEventListener('abort', cancel);
      if (error) reject(seenByCaller(error, call.scope));
      else resolve(answer ?? Buffer.alloc(0));
    };
    const sent = this.#client.makeUnaryRequest(
      pathOf(call),
      identity,
      identity,
      call.request,
      this.#metadataOf(call),
      optionsOf(call.scope),
      done,
    );
    const cancel = (): void => sent.cancel();
    call.scope.signal.addEventListener('abort', cancel, { once: true });
    if (call.scope.signal.aborted) cancel();
    return promise;
  }

  async *#receive(call: OutgoingCall): AsyncGenerator<Uint8Array, void, void> {
    const { signal } = call.scope;
    const [metadata, options] = [this.#metadataOf(call), optionsOf(call.scope)];
    const stream = this.#client.makeServerStreamRequest(
      pathOf(call),
      identity,
      identity,
      call.request,
      metadata,
      options,
    );
    // Cancelling makes it emit an error when nobody listens any more.
    stream.on('error', () => undefined);
    const cancel = (): void => stream.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    try {
      yield* stream as ClientReadableStream<Uint8Array> & AsyncIterable<Uint8Array>;
    } catch (error) {
      throw seenByCaller(error as ServiceError, call.scope);
    } finally {
      signal.removeEventListener('abort', cancel);
      cancel();
    }
  }

  /** @throws CodedError NOT_CONNECTED when there is no connection within the bound. */
  async #connect(scope: CallScope): Promise<void> {
    const channel = this.#client.getChannel();
    if (channel.getConnectivityState(true) === connectivityState.READY) return;
    const endsAtMs = Date.now() + Math.min(this.#connectMsMax, scope.remainingMs());
    for (let state = channel.getConnectivityState(true); state !== connectivityState.READY;) {
      const changed = new Promise<boolean>((resolve) => {
        channel.watchConnectivityState(state, endsAtMs, (error) => resolve(error === undefined));
      });
      const inTime =
        state !== connectivityState.TRANSIENT_FAILURE && (await abortable(changed, scope.signal));
      if (!inTime) {
        this.unreachableAtMs = performance.now();
        throw rpcError('NOT_CONNECTED', { detail: this.address });
      }
      state = channel.getConnectivityState(true);
    }
  }

  #metadataOf({ traceparent }: OutgoingCall): Metadata {
    const metadata = new Metadata();
    metadata.set('authorization', this.#authorization);
    if (traceparent !== undefined) metadata.set('traceparent', traceparent);
    return metadata;
  }
}

function pathOf({ service, method }: OutgoingCall): string {
  return `/${service}/${method}`;
}

/** The callee learns how long its caller waits. */
function optionsOf(scope: CallScope): GrpcCallOptions {
  const remainingMs = scope.remainingMs();
  return remainingMs === Infinity ? {} : { deadline: Date.now() + remainingMs };
}

function seenByCaller(error: ServiceError, scope: CallScope): CodedError {
  return scope.signal.aborted ? (scope.signal.reason as CodedError) : errorOf(error);
}
