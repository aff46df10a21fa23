export { cacheSection } from './config.ts';
export { cacheErrors } from './errors.ts';
export {
  LoadingCache,
  loadingCacheCounterNames,
  type LoadingCacheCounters,
  type LoadingCacheOptions,
} from './loading-cache.ts';
export { MemoryValueStore } from './memory.ts';
export { cacheProbes } from './probe.ts';
export type * from './types.ts';
