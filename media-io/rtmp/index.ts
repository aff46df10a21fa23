export { connectRtmp, RtmpClient, type RtmpClientOptions } from './client.ts';
export type { RtmpConnectionHandler, RtmpDecision } from './connection-handler.ts';
export { createRtmpServerCounters, type RtmpEndReason, type RtmpServerCounters } from './counters.ts';
export { rtmpErrors } from './errors.ts';
export { rtmpServerLimits, type RtmpServerLimits } from './limits.ts';
export { listenRtmp, RtmpServer, type RtmpServerOptions } from './server.ts';
export { RtmpServerConnection } from './server-connection.ts';
