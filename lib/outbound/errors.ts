export const outboundErrors = {
  ADDRESS_NOT_PUBLIC: { http: 403, grpc: 7, message: 'the address is not a public one' },
} as const;
