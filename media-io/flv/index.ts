export { connectFlv, FlvClient, type FlvClientOptions } from './client.ts';
export { flvClientErrors } from './errors.ts';
