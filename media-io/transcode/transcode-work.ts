import { controlMessage, controlValue, loadCodecs, runWork } from '../fence/index.ts';
import type { Codecs, FenceMessage, Work, WorkOutput, WorkPipes } from '../fence/index.ts';
import type { Transcoder } from '../av/index.ts';
import { startOf, wantedOf } from './control.ts';

/** The child's side: makes the wanted rungs of the one stream that comes in by its pipe, until that ends. */
export function runTranscoding(pipes: WorkPipes): Promise<void> {
  return runWork(pipes, async (output) => new TranscodeWork(output, await loadCodecs()));
}

class TranscodeWork implements Work, Disposable {
  readonly #output: WorkOutput;
  readonly #codecs: Codecs;
  #transcoder: Transcoder | undefined;
  #toldDamaged = 0;

  constructor(output: WorkOutput, codecs: Codecs) {
    this.#output = output;
    this.#codecs = codecs;
  }

  async handle(message: FenceMessage): Promise<void> {
    const { kind, timestampMs, body } = message;
    if (kind === 'control') return this.#control(controlValue(message));
    await this.#transcoder?.append({ kind, timestampMs, payload: body });
    this.#tellDamage();
  }

  [Symbol.dispose](): void {
    this.#transcoder?.[Symbol.dispose]();
  }

  async #control(value: Readonly<Record<string, unknown>>): Promise<void> {
    if (value['type'] === 'start') await this.#start(value);
    else if (value['type'] === 'want') this.#transcoder?.want(wantedOf(value));
  }

  async #start(value: Readonly<Record<string, unknown>>): Promise<void> {
    const { rungs, mayUseHardware } = startOf(value);
    const encoder = await this.#codecs.chooseH264Encoder(mayUseHardware);
    this.#transcoder = new this.#codecs.Transcoder({
      rungs,
      encoder,
      onMessage: (channel, { kind, timestampMs, payload }) =>
        this.#output.send({ kind, channel, timestampMs, body: payload }),
      onAbsent: (rung) => this.#output.send(controlMessage({ type: 'absent' }, rung)),
    });
    this.#output.send(controlMessage({ type: 'ready', encoder: encoder.name }));
  }

  #tellDamage(): void {
    const { damaged = 0 } = this.#transcoder ?? {};
    if (damaged === this.#toldDamaged) return;
    this.#output.send(controlMessage({ type: 'damaged', count: damaged - this.#toldDamaged }));
    this.#toldDamaged = damaged;
  }
}
