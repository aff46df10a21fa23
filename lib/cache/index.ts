export { cacheErrors } from './errors.ts';
export {
  LoadingCache,
  loadingCacheCounterNames,
  type LoadingCacheCounters,
  type LoadingCacheOptions,
} from './loading-cache.ts';
