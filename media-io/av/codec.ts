import { Codec, CodecContext, Dictionary, Packet, Rational } from 'node-av/lib';
import type { AVCodecFlag } from 'node-av/constants';
import { AvError, check } from './result.ts';

export interface CodecOptions {
  /** Fields of the context, by their names there. */
  readonly fields: Readonly<Partial<CodecContext>>;
  /** Private options of the codec, as on the command line of ffmpeg. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly flags?: readonly AVCodecFlag[];
}

/** Milliseconds: the time base of every picture here. */
export const milliseconds = new Rational(1, 1000);

export type EncoderName = Parameters<typeof Codec.findEncoderByName>[0];
type DecoderName = Parameters<typeof Codec.findDecoderByName>[0];

/** Opens an encoder of that name. Errors: AvError; it must be freed. */
export function openEncoder(name: EncoderName, options: CodecOptions): Promise<CodecContext> {
  return open(Codec.findEncoderByName(name), `the encoder ${name}`, options);
}

/** Opens a decoder of that name. Errors: AvError; it must be freed. */
export function openDecoder(name: DecoderName, options: CodecOptions): Promise<CodecContext> {
  return open(Codec.findDecoderByName(name), `the decoder ${name}`, options);
}

async function open(codec: Codec | null, what: string, options: CodecOptions): Promise<CodecContext> {
  const { fields, settings = {}, flags = [] } = options;
  if (!codec) throw new AvError(`finding ${what}`, codecNotFound);
  const context = new CodecContext();
  context.allocContext3(codec);
  Object.assign(context, fields);
  context.setFlags(...flags);
  try {
    check(await context.open2(codec, Dictionary.fromObject(settings)), `opening ${what}`);
  } catch (error) {
    context.freeContext();
    throw error;
  }
  return context;
}

/** AVERROR_ENCODER_NOT_FOUND and its like have one number each; which one it is nobody asks. */
const codecNotFound = -1;

/** What an encoder has ready, packet by packet. Must be closed: its memory is native. */
export class EncodedPackets implements Disposable {
  readonly #context: CodecContext;
  readonly #packet = new Packet();

  constructor(context: CodecContext) {
    this.#context = context;
    this.#packet.alloc();
  }

  /** Each is good until the next one is asked for. */
  *ready(): Generator<Packet> {
    while (this.#context.receivePacketSync(this.#packet) >= 0) {
      try {
        yield this.#packet;
      } finally {
        this.#packet.unref();
      }
    }
  }

  [Symbol.dispose](): void {
    this.#packet.free();
  }
}

/** A copy of the bytes of a packet, which outlives it. */
export function bytesOf(packet: Packet): Buffer {
  return Buffer.from(packet.data ?? []);
}
