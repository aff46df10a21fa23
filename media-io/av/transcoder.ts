import { MediaError } from '@gala/media/error';
import { parseAudioTag } from '@gala/media/flv';
import { FlvUnitReader, Mp4Error, type AccessUnit, type FlvUnit, type VideoConfig } from '@gala/media/mp4';
import type { Frame } from 'node-av/lib';
import { AacMaker, type ForeignSound } from './aac-maker.ts';
import type { H264Encoder } from './h264-encoders.ts';
import { Rung, type MediaMessage, type PictureTiming, type RungOptions } from './rung.ts';
import { VideoDecoder } from './video-decoder.ts';

export interface TranscoderOptions {
  readonly rungs: readonly RungOptions[];
  readonly encoder: H264Encoder;
  /** What goes out on a rung, by its place in `rungs`. */
  readonly onMessage: (rung: number, message: MediaMessage) => void;
  /** The pictures are not larger than this rung, so that it does not exist. */
  readonly onAbsent: (rung: number) => void;
}

/** Pictures in the decoder whose times are remembered; more than any codec holds back. */
const timingsMax = 64;

/**
 * Makes a ladder of one stream: decodes it once, for as many rungs as are wanted now. Key frames stand at the pictures
 * where the source has them, all times are those of the source, AAC is passed through. What cannot be decoded is left
 * out and counted. Must be closed: its memory is native.
 */
export class Transcoder implements Disposable {
  /** Messages that cannot be parsed, and pictures and sounds that cannot be decoded. */
  damaged = 0;
  readonly #options: TranscoderOptions;
  readonly #reader = new FlvUnitReader();
  readonly #rungs = new Map<number, Rung>();
  readonly #timings = new Map<number, PictureTiming>();
  #decoder: VideoDecoder | undefined;
  #aacMaker: AacMaker | undefined;
  #soundHeader: MediaMessage | undefined;

  constructor(options: TranscoderOptions) {
    this.#options = options;
  }

  /** Which rungs go out from now on, by their places; one that is new begins with the next picture. */
  want(wanted: ReadonlySet<number>): void {
    for (const [index, rung] of this.#rungs) {
      if (wanted.has(index)) continue;
      rung[Symbol.dispose]();
      this.#rungs.delete(index);
    }
    for (const index of wanted) {
      const options = this.#options.rungs[index];
      if (options && !this.#rungs.has(index)) {
        this.#rungs.set(index, new Rung(options, this.#options.encoder));
      }
    }
  }

  /** One message of the source; one at a time. Errors: AvError when an encoder fails. */
  async append(message: MediaMessage): Promise<void> {
    if (message.kind === 'data') return;
    const read = this.#read(message);
    if (!read) return;
    if (message.kind === 'audio') return this.#sound(message, read);
    if (read.config?.kind === 'video') await this.#setUpVideo(read.config);
    if (read.unit) await this.#picture(read.unit);
  }

  [Symbol.dispose](): void {
    for (const rung of this.#rungs.values()) rung[Symbol.dispose]();
    this.#decoder?.[Symbol.dispose]();
    this.#aacMaker?.[Symbol.dispose]();
  }

  #read({ kind, payload, timestampMs }: MediaMessage): FlvUnit | undefined {
    try {
      return this.#reader.read({ type: kind, payload }, timestampMs);
    } catch (error) {
      if (!(error instanceof MediaError) && !(error instanceof Mp4Error)) throw error;
      this.damaged++;
      return undefined;
    }
  }

  async #setUpVideo(config: VideoConfig): Promise<void> {
    const before = this.#decoder;
    if (before) for await (const picture of before.finish()) await this.#encode(picture);
    before?.[Symbol.dispose]();
    this.#timings.clear();
    this.#decoder = undefined;
    this.#decoder = await VideoDecoder.open(config);
  }

  async #picture({ payload, dtsMs, compositionMs, keyFrame }: AccessUnit): Promise<void> {
    const decoder = this.#decoder;
    if (!decoder) return;
    const ptsMs = Math.max(0, dtsMs + compositionMs);
    this.#remember({ ptsMs, dtsMs, isKeyFrame: keyFrame });
    const { damaged } = decoder;
    for await (const picture of decoder.decode({ payload, ptsMs })) await this.#encode(picture);
    this.damaged += decoder.damaged - damaged;
  }

  #remember(timing: PictureTiming): void {
    this.#timings.set(timing.ptsMs, timing);
    if (this.#timings.size <= timingsMax) return;
    const [oldest] = this.#timings.keys();
    this.#timings.delete(oldest);
  }

  /** All rungs at once, each on a thread of its own. */
  async #encode(picture: Frame): Promise<void> {
    const ptsMs = Number(picture.pts);
    const timing = this.#timings.get(ptsMs) ?? { ptsMs, dtsMs: ptsMs, isKeyFrame: false };
    this.#timings.delete(ptsMs);
    const encoding = [...this.#rungs].map(([index, rung]) =>
      this.#encodeRung(index, rung, { picture, timing }),
    );
    const failed = (await Promise.allSettled(encoding)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  async #encodeRung(
    index: number,
    rung: Rung,
    { picture, timing }: { picture: Frame; timing: PictureTiming },
  ): Promise<void> {
    if (!rung.isBelow(picture)) {
      rung[Symbol.dispose]();
      this.#rungs.delete(index);
      return this.#options.onAbsent(index);
    }
    const isFirst = !rung.hasBegun;
    const messages = await rung.encode(picture, timing);
    if (isFirst && this.#soundHeader)
      messages.splice(1, 0, { ...this.#soundHeader, timestampMs: timing.dtsMs });
    for (const message of messages) this.#options.onMessage(index, message);
  }

  /** AAC, and what this does not know, goes out as it is. */
  async #sound(message: MediaMessage, { config, unit }: FlvUnit): Promise<void> {
    if (config?.kind === 'audio') await this.#setUpSound(config, message.timestampMs);
    if (this.#aacMaker) {
      if (unit) this.#convert(this.#aacMaker, unit);
      return;
    }
    if (parseAudioTag(message.payload).isSequenceHeader) this.#soundHeader = message;
    this.#toAll(message);
  }

  async #setUpSound(
    config: Extract<FlvUnit['config'], { kind: 'audio' }>,
    timestampMs: number,
  ): Promise<void> {
    this.#aacMaker?.[Symbol.dispose]();
    this.#aacMaker = undefined;
    this.#soundHeader = undefined;
    if (config.codec === 'aac') return;
    this.#aacMaker = await AacMaker.open(config as ForeignSound);
    const payload = Buffer.concat([Buffer.of(aacTag, 0), this.#aacMaker.specificConfig]);
    this.#soundHeader = { kind: 'audio', timestampMs, payload };
    this.#toAll(this.#soundHeader);
  }

  #convert(maker: AacMaker, { payload, dtsMs }: AccessUnit): void {
    const { damaged } = maker;
    for (const { data, timestampMs } of maker.convert(payload, dtsMs)) {
      this.#toAll({ kind: 'audio', timestampMs, payload: Buffer.concat([Buffer.of(aacTag, 1), data]) });
    }
    this.damaged += maker.damaged - damaged;
  }

  #toAll(message: MediaMessage): void {
    for (const [index, rung] of this.#rungs) if (rung.hasBegun) this.#options.onMessage(index, message);
  }
}

const aacTag = 0xaf;
