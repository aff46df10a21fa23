import type { FlvTag } from '@gala/media/flv';
import type { RtmpStatus } from '@gala/media/rtmp';
import { connectRtmp, type RtmpClient } from '@gala/media-io/rtmp';
import { FixtureMedia, type FixtureOptions } from './fixture-media.ts';

export interface FixturePublisherOptions extends FixtureOptions {
  readonly rtmpUrl: string;
  readonly streamKey: string;
}

/** Publishes the fixture in real time over our own RTMP client, without ffmpeg. */
export class FixturePublisher implements AsyncDisposable {
  readonly statuses: RtmpStatus[];
  /** True once the connection is over, whoever closed it. */
  isClosed = false;
  readonly #client: RtmpClient;
  readonly #media: FixtureMedia;

  private constructor(client: RtmpClient, statuses: RtmpStatus[], options: FixtureOptions) {
    this.#client = client;
    this.statuses = statuses;
    this.#media = new FixtureMedia((tag) => this.#send(tag), options);
  }

  /** Resolves when the publish was accepted; rejects with `RTMP_REFUSED` and the status code as detail. */
  static async start({ rtmpUrl, streamKey, ...options }: FixturePublisherOptions): Promise<FixturePublisher> {
    const statuses: RtmpStatus[] = [];
    let publisher: FixturePublisher | undefined;
    const client = await connectRtmp(rtmpUrl, {
      streamKey,
      onStatus: (status) => statuses.push(status),
      onClose: () => publisher?.end(),
    });
    await client.publish();
    publisher = new FixturePublisher(client, statuses, options);
    return publisher;
  }

  end(): void {
    this.isClosed = true;
    this.#media[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#media[Symbol.dispose]();
    await this.#client[Symbol.asyncDispose]();
  }

  #send({ type, payload, timestampMs }: FlvTag): void {
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
