import type {
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';

/** What a handler knows of its call. */
export interface CallContext {
  /** Aborted when the caller cancels, its deadline passes or the transport closes. */
  readonly signal: AbortSignal;
  /** W3C traceparent of the caller, when it sent one. */
  readonly traceparent: string | undefined;
}

export interface CallOptions {
  /** Time limit of the whole call; 5 s otherwise, and none for streams. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly traceparent?: string;
  /** Goes to this member (see `Rpc.members`) and to no other, even if the service runs in this process too. */
  readonly member?: string;
}

/**
 * Handlers of a service by method name; server streaming methods answer an async iterable. Requests are frozen.
 * A CodedError reaches the caller with its code; any other error is logged and becomes INTERNAL.
 */
export type Handlers<Service extends DescService> = {
  [Name in keyof Service['method']]: Service['method'][Name] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: CallContext) => Promise<MessageInitShape<O>>
    : Service['method'][Name] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: CallContext) => AsyncIterable<MessageInitShape<O>>
      : never;
};

/**
 * The typed client of a service, whatever the transport. Errors are CodedErrors with the callee's code, or
 * UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED, UNAUTHENTICATED, MESSAGE_TOO_LARGE, INVALID_REQUEST, INTERNAL.
 * A stream is called when its first message is asked for, and cancelled when its reader leaves the loop.
 */
export type Client<Service extends DescService> = {
  [Name in keyof Service['method']]: Service['method'][Name] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : Service['method'][Name] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : never;
};

/** How roles call each other; in process when the callee runs here, gRPC to a member otherwise. */
export interface Rpc {
  /** Offers a service to this process and, through coord membership, to all others. */
  serve<Service extends DescService>(service: Service, handlers: Handlers<Service>): Promise<AsyncDisposable>;
  client<Service extends DescService>(service: Service): Client<Service>;
  /**
   * Ids of the processes that serve it now, this one among them: `Context.processId` of each.
   * @throws CodedError UNAVAILABLE while coord has never answered
   */
  members(service: DescService): Promise<readonly string[]>;
}
