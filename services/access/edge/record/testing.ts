import { connectRtmp, type RtmpClient } from '@gala/media-io/rtmp';
import { broadcast, type SourceTag } from '../hls/testing.ts';
import type { TestEdge } from '../testing-edge.ts';

/** Of the fixture: a key frame each second. */
export const groupMs = 1000;

export interface Sending {
  readonly fromMs?: number;
  readonly toMs: number;
}

/** A publisher of a recording, again and again as one broadcast, as fast as it can be sent. */
export class TestSender implements AsyncDisposable {
  readonly #client: RtmpClient;
  readonly #tags: readonly SourceTag[];

  private constructor(client: RtmpClient, tags: readonly SourceTag[]) {
    this.#tags = tags;
    this.#client = client;
  }

  static async start(edge: TestEdge, tags: readonly SourceTag[]): Promise<TestSender> {
    const { streamKey } = edge.rooms;
    const client = await connectRtmp(edge.rtmpUrl, { streamKey, onClose: () => undefined });
    await client.publish();
    return new TestSender(client, tags);
  }

  send(sending: Sending): void {
    for (const { kind, timestampMs, payload } of broadcast({ tags: this.#tags, ...sending })) {
      if (kind === 'video') this.#client.sendVideo(timestampMs, payload);
      else this.#client.sendAudio(timestampMs, payload);
    }
  }

  video(timestampMs: number, payload: Buffer): void {
    this.#client.sendVideo(timestampMs, payload);
  }

  audio(timestampMs: number, payload: Buffer): void {
    this.#client.sendAudio(timestampMs, payload);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client[Symbol.asyncDispose]();
  }
}
