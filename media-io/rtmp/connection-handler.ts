import type { MediaMessage, PlayRequest, PublishEndReason, PublishRequest } from '@gala/media/rtmp';
import type { RtmpEndReason } from './counters.ts';

/** The answer to a request; `code` defaults to BadName for publishers, StreamNotFound for players. */
export type RtmpDecision =
  | { readonly accept: true }
  | { readonly accept: false; readonly code?: string; readonly description?: string };

/**
 * What a connection tells its owner. Nothing is called after `onEnd`. A MediaError thrown by `onMedia` or `onBatchEnd`
 * ends the connection with its code; any other error is a bug.
 */
export interface RtmpConnectionHandler {
  /**
   * Decides on a publisher before its first media byte is read. `signal` aborts when the peer is gone or the time
   * is up; the answer is then ignored. A rejected promise refuses with `NetStream.Publish.Failed`.
   */
  onPublish(request: PublishRequest, signal: AbortSignal): RtmpDecision | Promise<RtmpDecision>;
  /** Decides on a player; refused if absent. Once accepted, send by the connection. */
  onPlay?(request: PlayRequest, signal: AbortSignal): RtmpDecision | Promise<RtmpDecision>;
  /** What a promise of `onPublish` or `onPlay` was rejected with. */
  onDecisionError?(error: unknown): void;
  /** Once for each accepted request: before the first media of a publisher, or when a player may be sent to. */
  onStart?(role: 'publish' | 'play'): void;
  /** One message of an accepted publisher. Its payload shares memory with the socket read. */
  onMedia(message: MediaMessage): void;
  /** All media of one socket read has been given to `onMedia`. */
  onBatchEnd?(): void;
  /** The publisher has said goodbye; the connection may publish again. */
  onPublishEnd?(reason: PublishEndReason): void;
  /** The player has stopped; the connection may ask again. */
  onPlayEnd?(): void;
  /** The connection is over, once, whatever the cause. */
  onEnd(reason: RtmpEndReason): void;
}
