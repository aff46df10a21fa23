export { outboundErrors } from './errors.ts';
export { isPublicAddress, Outbound, type OutboundOptions } from './outbound.ts';
