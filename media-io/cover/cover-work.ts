import type { VideoConfig } from '@gala/media/mp4';
import { controlMessage, controlValue, loadCodecs, runWork } from '../fence/index.ts';
import type { Codecs, FenceMessage, Work, WorkOutput, WorkPipes } from '../fence/index.ts';

/** What is asked for, before set-up (`data`) and key frame (`video`) follow. */
export interface CoverOrder {
  readonly type: 'cover';
  readonly codec: VideoConfig['codec'];
  readonly widthMax: number;
  readonly quality: number;
}

/** The child's side: makes a JPEG of each key frame that comes in by its pipe, until that ends. */
export function runCovers(pipes: WorkPipes): Promise<void> {
  return runWork(pipes, async (output) => new CoverWork(output, await loadCodecs()));
}

class CoverWork implements Work, Disposable {
  readonly #output: WorkOutput;
  readonly #codecs: Codecs;
  #order: CoverOrder | undefined;
  #record: Buffer = Buffer.alloc(0);

  constructor(output: WorkOutput, codecs: Codecs) {
    this.#output = output;
    this.#codecs = codecs;
  }

  async handle(message: FenceMessage): Promise<void> {
    const { kind, body } = message;
    // Both ends are one program: what it sends to itself is not checked again.
    if (kind === 'control') this.#order = controlValue(message) as unknown as CoverOrder;
    else if (kind === 'data') this.#record = body;
    else if (this.#order) this.#output.send(await this.#answer(this.#order, body));
  }

  [Symbol.dispose](): void {
    this.#order = undefined;
  }

  /** A picture that cannot be decoded is no reason to end: the next one is of another room. */
  async #answer(order: CoverOrder, picture: Buffer): Promise<FenceMessage> {
    try {
      const body = await this.#draw(order, picture);
      if (body) return { kind: 'data', channel: 0, timestampMs: 0, body };
    } catch (error) {
      if (!(error instanceof this.#codecs.AvError)) throw error;
    }
    return controlMessage({ type: 'refused' });
  }

  async #draw({ codec, widthMax, quality }: CoverOrder, payload: Buffer): Promise<Buffer | undefined> {
    const { encodeJpeg, VideoDecoder } = this.#codecs;
    using decoder = await VideoDecoder.open({ codec, record: this.#record });
    const options = { widthMax, quality };
    // Awaited in place: the picture is gone when its loop is left.
    for await (const picture of decoder.decode({ payload, ptsMs: 0 }))
      return await encodeJpeg(picture, options);
    for await (const picture of decoder.finish()) return await encodeJpeg(picture, options);
    return undefined;
  }
}
