import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type Metadata,
  type ServerInterceptor,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { hasCode, invariant, type CodedError } from '../error/index.ts';
import { ClusterToken } from './cluster-token.ts';
import type { Dispatcher, IncomingCall } from './dispatcher.ts';
import { rpcError } from './errors.ts';
import { identity, serverOptions } from './grpc-options.ts';
import { statusOf } from './wire-metadata.ts';

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly portSetting: string;
  readonly clusterToken: string;
  readonly onUnauthenticated: () => void;
}

const shutdownMs = 2000;

type UnaryCall = ServerUnaryCall<Buffer, Uint8Array>;
type StreamCall = ServerWritableStream<Buffer, Uint8Array>;

/** The one gRPC server of a process. It knows paths and bytes; what they mean is the dispatcher's. */
export class GrpcServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #dispatcher: Dispatcher;
  readonly #known = new Set<string>();
  port = 0;

  private constructor(dispatcher: Dispatcher, options: GrpcServerOptions) {
    this.#dispatcher = dispatcher;
    this.#server = new Server({ ...serverOptions, interceptors: [authenticator(options)] });
  }

  /** @throws CodedError PORT_TAKEN. */
  static async start(dispatcher: Dispatcher, options: GrpcServerOptions): Promise<GrpcServer> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const server = new GrpcServer(dispatcher, options);
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    const address = `${host}:${options.port}`;
    server.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
    try {
      server.port = await promise;
    } catch (cause) {
      if (!(cause as Error).message.includes('EADDRINUSE')) throw cause;
      throw rpcError('PORT_TAKEN', { cause, detail: `${address}; change ${options.portSetting}` });
    }
    return server;
  }

  /** Lets a service be asked for. It stays known afterwards: the dispatcher refuses what it does not serve. */
  offer(service: DescService): void {
    if (this.#known.has(service.typeName)) return;
    this.#known.add(service.typeName);
    const implementation: UntypedServiceImplementation = {};
    for (const method of service.methods) implementation[method.localName] = this.#handlerOf(service, method);
    this.#server.addService(definitionOf(service), implementation);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const bound = setTimeout(() => {
      this.#server.forceShutdown();
      resolve();
    }, shutdownMs);
    this.#server.tryShutdown(() => resolve());
    await promise;
    clearTimeout(bound);
  }

  #handlerOf(service: DescService, method: DescMethod): UntypedServiceImplementation[string] {
    const path = { service: service.typeName, method: method.name };
    if (method.methodKind === 'unary') {
      return (call: UnaryCall, done: sendUnaryData<Uint8Array>) => void this.#answer(path, call, done);
    }
    return (call: StreamCall) => {
      this.#pump(path, call).catch((error: unknown) => call.emit('error', statusOf(asCoded(error))));
    };
  }

  async #answer(path: Path, call: UnaryCall, done: sendUnaryData<Uint8Array>): Promise<void> {
    try {
      done(null, await this.#dispatcher.unary(incoming(path, call)));
    } catch (error) {
      done(statusOf(asCoded(error)));
    }
  }

  /** A reader that is slow fills its window of 4 MiB and 16 messages here, then the handler waits. */
  async #pump(path: Path, call: StreamCall): Promise<void> {
    const request = incoming(path, call);
    for await (const bytes of this.#dispatcher.stream(request)) {
      if (!call.write(bytes)) await drained(call, request.signal);
    }
    call.end();
  }
}

/** What unary and streaming calls have in common. */
interface AnyCall extends Pick<UnaryCall, 'getDeadline' | 'metadata' | 'request'> {
  on(event: 'cancelled', listener: () => void): unknown;
}

interface Path {
  readonly service: string;
  readonly method: string;
}

function incoming(path: Path, call: AnyCall): IncomingCall {
  const controller = new AbortController();
  call.on('cancelled', () =>
    controller.abort(rpcError(isPast(call.getDeadline()) ? 'DEADLINE_EXCEEDED' : 'CANCELLED')),
  );
  const traceparent = call.metadata.get('traceparent')[0]?.toString();
  return { ...path, request: call.request, signal: controller.signal, traceparent };
}

/** The caller's own timer may be a little early, so that it cancels before the deadline that it told us. */
const deadlineSlackMs = 50;

function isPast(deadline: Date | number): boolean {
  return Number(deadline) <= Date.now() + deadlineSlackMs;
}

function asCoded(error: unknown): CodedError {
  invariant(hasCode(error), 'the dispatcher throws coded errors only');
  return error;
}

function drained(call: StreamCall, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}

function definitionOf(service: DescService): ServiceDefinition {
  const methods = service.methods.map((method) => {
    invariant(
      method.methodKind === 'unary' || method.methodKind === 'server_streaming',
      `${method.name} takes one request`,
    );
    const codec = {
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    };
    const path = `/${service.typeName}/${method.name}`;
    const responseStream = method.methodKind === 'server_streaming';
    return [method.localName, { path, requestStream: false, responseStream, ...codec }] as const;
  });
  return Object.fromEntries(methods);
}

/** Refuses calls without the cluster's token before their message is read. */
function authenticator({ clusterToken, onUnauthenticated }: GrpcServerOptions): ServerInterceptor {
  const token = new ClusterToken(clusterToken);
  const isMember = (metadata: Metadata): boolean =>
    token.matches(metadata.get('authorization')[0]?.toString());
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            if (isMember(metadata)) return proceed(metadata);
            onUnauthenticated();
            call.sendStatus(statusOf(rpcError('UNAUTHENTICATED')));
          },
        }),
    });
}
