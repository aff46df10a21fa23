export type { AcceptLimits } from './accept-guard.ts';
export type { HttpListener, RequestHandler, UpgradeHandler } from './types.ts';
export {
  addressRanges,
  clientAddress,
  hostPort,
  isAddressRange,
  normalizeAddress,
  rateKey,
  trustedProxies,
  type AddressRanges,
  type TrustedProxies,
} from './address.ts';
export { errorBody, pageHeaders, readJson, respondError, respondJson, type ErrorBody } from './answer.ts';
export {
  watchCertificate,
  type CertificateFiles,
  type CertificateOptions,
  type CertificatePair,
  type WatchedCertificate,
} from './certificate.ts';
export { httpErrors } from './errors.ts';
export { defaultLimits, type HttpLimits } from './limits.ts';
export { listen, type ListenOptions } from './listener.ts';
export { readProxyHeader, type ProxySource } from './proxy-protocol.ts';
export { Occupancy, type OccupancyLimits } from './occupancy.ts';
export { RateLimiter, TokenBucket, type RateLimit, type RateLimiterOptions } from './rate-limiter.ts';
export { takeSocket, type TakeSocketOptions } from './raw-socket.ts';
export { serveStatic, type StaticOptions } from './static.ts';
