import { SoftwareScaleContext, type Frame } from 'node-av/lib';
import { check } from './result.ts';

/** Brings pictures of any size and format into those of its targets. Must be closed: its memory is native. */
export class Scaler implements Disposable {
  readonly #context = new SoftwareScaleContext();

  constructor() {
    // Not set up for any size: it follows the pictures that it is given.
    this.#context.allocContext();
  }

  /** Beside the event loop. Errors: AvError. */
  async scale(source: Frame, target: Frame): Promise<void> {
    // An encoder may still refer to the picture before.
    check(target.makeWritable(), 'writing a picture');
    check(await this.#context.scaleFrame(target, source), 'scaling a picture');
  }

  [Symbol.dispose](): void {
    this.#context.freeContext();
  }
}
