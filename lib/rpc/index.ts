export type { CallContext, CallOptions, Client, Handlers, Rpc } from './types.ts';
export { askInTurn } from './ask-in-turn.ts';
export { ClusterToken } from './cluster-token.ts';
export { rpcErrors } from './errors.ts';
export { mapErrors } from './map-errors.ts';
export { messageBytesMax } from './message.ts';
export { createRpc, type RpcOptions } from './rpc.ts';
