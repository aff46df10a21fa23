import type { FlvTag } from '@gala/media/flv';
import type { RtmpStatus } from '@gala/media/rtmp';
import { connectRtmp, type RtmpClient } from '@gala/media-io/rtmp';
import { loopMs, readMedia } from './fixture-media.ts';

const paceMs = 5;

export interface FixturePublisherOptions {
  readonly rtmpUrl: string;
  readonly streamKey: string;
}

/** Publishes two seconds of H.264 (25 pictures a second) and AAC over and over in real time, without ffmpeg. */
export class FixturePublisher implements AsyncDisposable {
  readonly statuses: RtmpStatus[];
  /** True once the connection is over, whoever closed it. */
  isClosed = false;
  readonly #client: RtmpClient;
  readonly #media = readMedia();
  readonly #startedAtMs = performance.now();
  readonly #pacer: NodeJS.Timeout;
  #loops = 0;
  #next = 0;

  private constructor(client: RtmpClient, statuses: RtmpStatus[]) {
    this.#client = client;
    this.statuses = statuses;
    for (const header of this.#media.headers) this.#send(header, 0);
    this.#pacer = setInterval(() => this.#sendDue(), paceMs);
  }

  /** Resolves when the publish was accepted; rejects with `RTMP_REFUSED` and the status code as detail. */
  static async start({ rtmpUrl, streamKey }: FixturePublisherOptions): Promise<FixturePublisher> {
    const statuses: RtmpStatus[] = [];
    let publisher: FixturePublisher | undefined;
    const client = await connectRtmp(rtmpUrl, {
      streamKey,
      onStatus: (status) => statuses.push(status),
      onClose: () => publisher?.end(),
    });
    await client.publish();
    publisher = new FixturePublisher(client, statuses);
    return publisher;
  }

  end(): void {
    this.isClosed = true;
    clearInterval(this.#pacer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#pacer);
    await this.#client[Symbol.asyncDispose]();
  }

  #sendDue(): void {
    const { tags } = this.#media;
    const nowMs = performance.now() - this.#startedAtMs;
    for (;;) {
      const tag = tags[this.#next];
      const timestampMs = this.#loops * loopMs + tag.timestampMs;
      if (timestampMs > nowMs) return;
      this.#send(tag, timestampMs);
      this.#next = (this.#next + 1) % tags.length;
      if (this.#next === 0) this.#loops++;
    }
  }

  #send({ type, payload }: FlvTag, timestampMs: number): void {
    if (type === 'video') this.#client.sendVideo(timestampMs, payload);
    else this.#client.sendAudio(timestampMs, payload);
  }
}

/** Tries to publish and answers how it was refused, and how long that took. */
export async function refusedPublish(options: FixturePublisherOptions) {
  const startedAtMs = performance.now();
  const statuses: RtmpStatus[] = [];
  const client = await connectRtmp(options.rtmpUrl, {
    streamKey: options.streamKey,
    onStatus: (status) => statuses.push(status),
  });
  const error = await client.publish().then(
    () => undefined,
    (cause: unknown) => cause as Error & { code: string; detail?: string },
  );
  await client[Symbol.asyncDispose]();
  return { error, statuses, tookMs: performance.now() - startedAtMs };
}
