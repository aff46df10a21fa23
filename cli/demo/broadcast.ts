import { setTimeout as delay } from 'node:timers/promises';
import { encodeMetadata } from '@gala/media/flv';
import { Backoff } from '@gala/lib/lifecycle';
import type { Logger } from '@gala/lib/logger';
import { aacFrameSamples, AudioEncoder, VideoEncoder } from '@gala/media-io/av';
import { connectRtmp, type RtmpClient } from '@gala/media-io/rtmp';
import { createRoomClient } from '@gala/sdk/room';
import type { DemoStartMessage } from '../entry/messages.ts';
import { TestCard } from './test-card.ts';
import { sampleRateHz, writeTone } from './tone.ts';

export interface BroadcastOptions extends Omit<DemoStartMessage, 'type' | 'name' | 'roles'> {
  readonly logger: Logger;
}

const framesPerSecond = 30;
const frameMs = 1000 / framesPerSecond;
const keyFrameEveryMs = 2_000;
/** While nobody watches: one picture a second, each a key frame, so that the first viewer sees one at once. */
const idleFrameMs = 1_000;
const askViewersMs = 500;
const reconnectMs = { initialMs: 500, maxMs: 10_000 };

/** Publishes the test card until it is disposed; a lost connection is made again with back-off. */
export async function startBroadcast(options: BroadcastOptions): Promise<AsyncDisposable> {
  const abort = new AbortController();
  const first = await connect(options);
  const running = broadcastForever(first, options, abort.signal);
  return {
    async [Symbol.asyncDispose]() {
      abort.abort();
      await running;
    },
  };
}

async function broadcastForever(
  first: Connection,
  options: BroadcastOptions,
  signal: AbortSignal,
): Promise<void> {
  let connection: Connection | undefined = first;
  const backoff = new Backoff(reconnectMs);
  while (!signal.aborted) {
    if (connection) {
      backoff.reset();
      await broadcast(connection, options, signal);
    }
    connection = undefined;
    await backoff.wait(signal).catch(() => undefined);
    if (!signal.aborted) connection = await connect(options).catch(() => undefined);
  }
}

interface Connection {
  readonly client: RtmpClient;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
}

async function connect({ rtmpUrl, streamKey }: BroadcastOptions): Promise<Connection> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const client = await connectRtmp(rtmpUrl, { streamKey, onClose: () => resolve() });
  await client.publish();
  return { client, closed };
}

/** One connection from its first to its last frame. */
async function broadcast(
  { client, closed }: Connection,
  options: BroadcastOptions,
  signal: AbortSignal,
): Promise<void> {
  const { width, height, logger } = options;
  await using stack = new AsyncDisposableStack();
  stack.use(client);
  const video = stack.use(await VideoEncoder.open({ width, height, framesPerSecond }));
  const audio = stack.use(await AudioEncoder.open({ sampleRateHz, bitsPerSecond: 96_000 }));
  const watched = stack.use(new WatchedFlag(options));
  const show = new Show({ client, video, audio, isWatched: () => watched.value });
  show.sendHeaders(width, height);
  const lost = closed.then(() => 'lost' as const);
  while (!signal.aborted) {
    const due = delay(show.advance(), undefined, { signal }).catch(() => undefined);
    if ((await Promise.race([lost, due])) === 'lost') {
      logger.warn('the demo lost its connection, trying again');
      return;
    }
  }
}

interface ShowParts {
  readonly client: RtmpClient;
  readonly video: VideoEncoder;
  readonly audio: AudioEncoder;
  readonly isWatched: () => boolean;
}

/** The clockwork: at each call it sends the sound and the picture that are due. */
class Show {
  readonly #parts: ShowParts;
  readonly #card: TestCard;
  readonly #samples = new Float32Array(aacFrameSamples);
  readonly #startedAtMs = performance.now();
  #sampleCount = 0;
  #audioFrames = 0;
  #nextPictureMs = 0;
  #lastKeyMs = -Infinity;

  constructor(parts: ShowParts) {
    this.#parts = parts;
    this.#card = new TestCard(parts.video.picture);
  }

  sendHeaders(width: number, height: number): void {
    const { client, video, audio } = this.#parts;
    const metadata = {
      width,
      height,
      framerate: framesPerSecond,
      videocodecid: 7,
      audiocodecid: 10,
      encoder: 'Gala demo',
    };
    client.sendMetadata(0, encodeMetadata(metadata));
    client.sendVideo(0, Buffer.concat([Buffer.of(0x17, 0, 0, 0, 0), video.decoderRecord]));
    client.sendAudio(0, Buffer.concat([Buffer.of(0xaf, 0), audio.specificConfig]));
  }

  /** Sends what is due and answers how long until something is due again, in milliseconds. */
  advance(): number {
    const nowMs = performance.now() - this.#startedAtMs;
    this.#sendSound(nowMs);
    const isWatched = this.#parts.isWatched();
    if (isWatched) this.#nextPictureMs = Math.min(this.#nextPictureMs, nowMs + frameMs);
    if (nowMs >= this.#nextPictureMs) this.#sendPicture(nowMs, isWatched);
    const untilSoundMs = (this.#sampleCount * 1000) / sampleRateHz - nowMs;
    return Math.max(1, Math.min(this.#nextPictureMs - nowMs, isWatched ? frameMs : untilSoundMs + 100));
  }

  #sendSound(nowMs: number): void {
    const { client, audio } = this.#parts;
    while ((this.#sampleCount * 1000) / sampleRateHz <= nowMs) {
      writeTone(this.#samples, this.#sampleCount);
      const frames = audio.encode(this.#samples, this.#samples, this.#sampleCount);
      this.#sampleCount += aacFrameSamples;
      for (const frame of frames) {
        const atMs = Math.round((this.#audioFrames++ * aacFrameSamples * 1000) / sampleRateHz);
        client.sendAudio(atMs, Buffer.concat([Buffer.of(0xaf, 1), frame]));
      }
    }
  }

  #sendPicture(nowMs: number, isWatched: boolean): void {
    const { client, video } = this.#parts;
    const atMs = Math.round(nowMs);
    const forceKeyFrame = !isWatched || nowMs - this.#lastKeyMs >= keyFrameEveryMs;
    this.#card.draw(Math.floor(nowMs / frameMs), new Date(), nowMs);
    const { data, isKeyFrame } = video.encode(atMs, forceKeyFrame);
    if (isKeyFrame) this.#lastKeyMs = nowMs;
    client.sendVideo(atMs, Buffer.concat([Buffer.of(isKeyFrame ? 0x17 : 0x27, 1, 0, 0, 0), data]));
    this.#nextPictureMs = isWatched ? Math.max(nowMs, this.#nextPictureMs + frameMs) : nowMs + idleFrameMs;
  }
}

/** Asks the room twice a second whether somebody watches. */
class WatchedFlag implements Disposable {
  value = false;
  readonly #timer: NodeJS.Timeout;
  #asking = false;

  constructor({ adminUrl, hostName }: BroadcastOptions) {
    const rooms = createRoomClient({ baseUrl: adminUrl, timeoutMs: 2_000 });
    this.#timer = setInterval(() => {
      if (this.#asking) return;
      this.#asking = true;
      rooms
        .enterRoom({ roomRef: `@${hostName}` })
        .then(({ room }) => (this.value = room.viewers > 0))
        .catch(() => undefined)
        .finally(() => (this.#asking = false));
    }, askViewersMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
