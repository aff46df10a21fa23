import type { MediaMessage, PublishRequest } from '@gala/media/rtmp';
import type { RtmpConnectionHandler, RtmpDecision } from './connection-handler.ts';
import type { RtmpEndReason } from './counters.ts';
import { listenRtmp, type RtmpServer, type RtmpServerOptions } from './server.ts';
import type { RtmpServerConnection } from './server-connection.ts';

/** One connection of a test server with everything it said. */
export interface RecordedConnection {
  connection: RtmpServerConnection;
  requests: PublishRequest[];
  media: MediaMessage[];
  batches: number;
  publishEnds: string[];
  end: Promise<RtmpEndReason>;
}

/** A server on a free port whose connections are recorded; `decide` answers publishers. */
export interface RecordingServer extends AsyncDisposable {
  server: RtmpServer;
  url: string;
  /** The connection with this index, as soon as it has been accepted. */
  connected(index: number): Promise<RecordedConnection>;
}

export type Decide = (request: PublishRequest, signal: AbortSignal) => RtmpDecision | Promise<RtmpDecision>;

/** Starts a recording server; by default every publisher is accepted. */
export async function recordRtmp(
  options: Partial<RtmpServerOptions> = {},
  decide: Decide = () => ({ accept: true }),
): Promise<RecordingServer> {
  const slots: PromiseWithResolvers<RecordedConnection>[] = [];
  const slot = (index: number) => (slots[index] ??= Promise.withResolvers<RecordedConnection>());
  let accepted = 0;
  const server = await listenRtmp({
    port: 0,
    host: '127.0.0.1',
    onSession: (connection) => {
      const { recorded, handler } = record(connection, decide);
      slot(accepted).resolve(recorded);
      accepted += 1;
      return handler;
    },
    ...options,
  });
  return {
    server,
    url: `rtmp://127.0.0.1:${server.address().port}/live`,
    connected: (index) => slot(index).promise,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function record(connection: RtmpServerConnection, decide: Decide) {
  const end = Promise.withResolvers<RtmpEndReason>();
  const recorded: RecordedConnection = {
    connection,
    requests: [],
    media: [],
    batches: 0,
    publishEnds: [],
    end: end.promise,
  };
  const handler: RtmpConnectionHandler = {
    onPublish: (request, signal) => {
      recorded.requests.push(request);
      return decide(request, signal);
    },
    onMedia: ({ kind, timestampMs, payload }) =>
      recorded.media.push({ kind, timestampMs, payload: Buffer.from(payload) }),
    onBatchEnd: () => (recorded.batches += 1),
    onPublishEnd: (reason) => recorded.publishEnds.push(reason),
    onEnd: (reason) => end.resolve(reason),
  };
  return { recorded, handler };
}

/** Waits for a condition that another event makes true, at most `timeoutMs`. */
export async function until(condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('the condition did not become true in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
