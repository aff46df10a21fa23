import type { DescService } from '@bufbuild/protobuf';
import type { Coord } from '../coord/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { Caller } from './caller.ts';
import { Dispatcher } from './dispatcher.ts';
import { GrpcServer } from './grpc-server.ts';
import { Members, groupOf } from './members.ts';
import type { Client, Handlers, Rpc } from './types.ts';

export interface RpcOptions {
  /** Unique per process start. */
  readonly memberId: string;
  readonly coord: Pick<Coord, 'join' | 'members'>;
  /** Shared by all processes of an installation; without it a call is refused. */
  readonly clusterToken: string;
  /** Host under which other processes reach this one. */
  readonly advertiseHost: string;
  readonly listenHost: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Setting to change when the port is taken: `rpc.port (GALA_RPC_PORT)`. */
  readonly portSetting: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Calls between roles. A service that this process serves is called in process, any other by gRPC at a member
 * of coord's group `rpc/<service>`; the gRPC server starts with the first service. Both transports carry
 * encoded messages of at most 4 MiB, answer the same codes and freeze what they hand out.
 */
export function createRpc(options: RpcOptions): Rpc & AsyncDisposable {
  return new ProcessRpc(options);
}

const counterNames = [
  'calls',
  'callsInProcess',
  'callsFailed',
  'callsRerouted',
  'callsServed',
  'handlerFaults',
  'unauthenticated',
] as const;

class ProcessRpc implements Rpc, AsyncDisposable {
  readonly #options: RpcOptions;
  readonly #counters: Record<(typeof counterNames)[number], number>;
  readonly #dispatcher: Dispatcher;
  readonly #members: Members;
  readonly #caller: Caller;
  readonly #serving = new Set<AsyncDisposable>();
  #server: Promise<GrpcServer> | undefined;

  constructor(options: RpcOptions) {
    const { coord, clusterToken, memberId, metrics } = options;
    this.#options = options;
    this.#counters = metrics.counters('rpc', counterNames);
    this.#dispatcher = new Dispatcher(options.logger, this.#counters);
    const members = new Members(coord, clusterToken);
    this.#members = members;
    metrics.gauge('gala_rpc_calls_outstanding', 'calls to other processes under way', () =>
      members.outstanding(),
    );
    const latency = metrics.histogram('gala_rpc_call_seconds', 'unary calls as their callers see them');
    const [dispatcher, counters] = [this.#dispatcher, this.#counters];
    this.#caller = new Caller({ memberId, dispatcher, members, counters, latency });
  }

  async serve<Service extends DescService>(
    service: Service,
    handlers: Handlers<Service>,
  ): Promise<AsyncDisposable> {
    this.#dispatcher.add(service, handlers);
    const serving = new AsyncDisposableStack();
    serving.defer(() => this.#dispatcher.remove(service.typeName));
    try {
      const server = await this.#listen();
      server.offer(service);
      serving.use(await this.#join(service, server.port));
    } catch (error) {
      await serving.disposeAsync();
      throw error;
    }
    serving.defer(() => void this.#serving.delete(serving));
    this.#serving.add(serving);
    return serving;
  }

  client<Service extends DescService>(service: Service): Client<Service> {
    return this.#caller.client(service);
  }

  members(service: DescService): Promise<readonly string[]> {
    return this.#caller.members(service);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const serving of [...this.#serving].toReversed()) await serving[Symbol.asyncDispose]();
    await this.#members[Symbol.asyncDispose]();
    const server = await this.#server?.catch(() => undefined);
    await server?.[Symbol.asyncDispose]();
  }

  #join(service: DescService, port: number): Promise<AsyncDisposable> {
    const { coord, memberId, advertiseHost } = this.#options;
    const host = advertiseHost.includes(':') ? `[${advertiseHost}]` : advertiseHost;
    return coord.join(groupOf(service.typeName), { id: memberId, data: { address: `${host}:${port}` } });
  }

  #listen(): Promise<GrpcServer> {
    if (this.#server) return this.#server;
    const { listenHost: host, port, portSetting, clusterToken } = this.#options;
    const onUnauthenticated = (): void => void this.#counters.unauthenticated++;
    this.#server = GrpcServer.start(this.#dispatcher, {
      host,
      port,
      portSetting,
      clusterToken,
      onUnauthenticated,
    });
    this.#server.catch(() => (this.#server = undefined));
    return this.#server;
  }
}
