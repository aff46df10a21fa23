export type { Bus, BusListener, Subscription } from './bus-types.ts';
export { collectionsSection, twemproxySection, type CollectionsConfig } from './config.ts';
export { endpointOf } from './endpoint.ts';
export { collectionsErrors } from './errors.ts';
export type { Hashes, Lists, Ranked, Ranks, Sets } from './group-types.ts';
export { Masters } from './masters.ts';
export { openCollections, type OpenOptions } from './open.ts';
export { collectionsProbes } from './probe.ts';
export type {
  Capabilities,
  Collections,
  LargeKey,
  Script,
  ScriptAnswer,
  ScriptCall,
  ScriptReply,
  ScriptStore,
} from './types.ts';
export { twemproxyConfig, type Shard } from './twemproxy-config.ts';
