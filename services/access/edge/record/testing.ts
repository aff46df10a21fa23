import { connectRtmp, type RtmpClient } from '@gala/media-io/rtmp';
import { readFlvTags } from '../../../../media/fixtures/flv.ts';
import { broadcast } from '../hls/testing.ts';
import type { TestEdge } from '../testing-edge.ts';

const tags = readFlvTags();

/** Of the fixture: a key frame each second. */
export const groupMs = 1000;

export interface Sending {
  readonly fromMs?: number;
  readonly toMs: number;
}

/** A publisher of the fixture, again and again as one broadcast, as fast as it can be sent. */
export class TestSender implements AsyncDisposable {
  readonly #client: RtmpClient;

  private constructor(client: RtmpClient) {
    this.#client = client;
  }

  static async start(edge: TestEdge): Promise<TestSender> {
    const { streamKey } = edge.rooms;
    const client = await connectRtmp(edge.rtmpUrl, { streamKey, onClose: () => undefined });
    await client.publish();
    return new TestSender(client);
  }

  send(sending: Sending): void {
    for (const { kind, timestampMs, payload } of broadcast({ tags, ...sending })) {
      if (kind === 'video') this.#client.sendVideo(timestampMs, payload);
      else this.#client.sendAudio(timestampMs, payload);
    }
  }

  video(timestampMs: number, payload: Buffer): void {
    this.#client.sendVideo(timestampMs, payload);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client[Symbol.asyncDispose]();
  }
}
