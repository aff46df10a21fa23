/** Codes of lib/cache. */
export const cacheErrors = {
  CACHE_BUSY: { http: 503, grpc: 14, message: 'too many loads are under way' },
} as const;
