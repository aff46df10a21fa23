export { Caches, type CachesOptions, type HotKeyOfCache } from './caches.ts';
export { CollectionsValueStore, collectionsStoreCounterNames } from './collections-store.ts';
export { cacheSection, type CacheConfig } from './config.ts';
export { cacheErrors } from './errors.ts';
export {
  LoadingCache,
  loadingCacheCounterNames,
  type LoadingCacheCounters,
  type LoadingCacheOptions,
} from './loading-cache.ts';
export { MemoryValueStore } from './memory.ts';
export { cacheProbes } from './probe.ts';
export type { Codec } from './shared-level.ts';
export type { CacheBounds, CacheOptions, Sourced, TieredCache } from './tiered-cache.ts';
export type * from './types.ts';
