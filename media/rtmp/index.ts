export { ChunkReader } from './chunk-reader.ts';
export { ChunkWriter, encodeMessage, OUT_CHUNK_BYTES } from './chunk-writer.ts';
export { createClientSession, ClientSession } from './client-session.ts';
export type { ClientSessionHandler, ClientSessionOptions, ClientSessionStage } from './client-session.ts';
export type { RtmpStatus } from './command.ts';
export { stripDataFrame, wrapDataFrame } from './data-frame.ts';
export type { DigestScheme } from './digest.ts';
export type { RandomBytes } from './handshake.ts';
export { rtmpLimits, type RtmpLimits } from './limits.ts';
export { chunkStream, messageType, toRtmpMessage, userControlEvent } from './message.ts';
export type { MediaKind, MediaMessage, RtmpMessage } from './message.ts';
export type { ConnectRequest, PlayRequest, PublishRequest } from './server-request.ts';
export { createServerSession, ServerSession } from './server-session.ts';
export type {
  PublishEndReason,
  ServerSessionHandler,
  ServerSessionOptions,
  ServerSessionStage,
} from './server-session.ts';
export { normalizeStreamAddress, type StreamAddress } from './stream-key.ts';
export { parseRtmpUrl, type RtmpUrl } from './url.ts';
