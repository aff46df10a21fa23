import { invariant } from '../error/index.ts';

export interface KeyBatchOptions<Answer> {
  /** Asks for many at once; answers in the order of the keys. */
  readonly ask: (keys: readonly string[]) => Promise<readonly Answer[]>;
  /** A batch that is full is asked for at once; more than one may be under way. */
  readonly keysMax: number;
}

interface Waiting<Answer> {
  readonly keys: string[];
  readonly answers: Promise<readonly Answer[]>;
}

/** Keys asked for one by one in one turn of the event loop are asked for together. */
export class KeyBatch<Answer> {
  readonly #options: KeyBatchOptions<Answer>;
  #gathering: Waiting<Answer> | undefined;

  constructor(options: KeyBatchOptions<Answer>) {
    this.#options = options;
  }

  async ask(key: string): Promise<Answer> {
    const batch = (this.#gathering ??= this.#begin());
    const index = batch.keys.push(key) - 1;
    if (batch.keys.length >= this.#options.keysMax) this.#gathering = undefined;
    const answers = await batch.answers;
    return answers[index];
  }

  #begin(): Waiting<Answer> {
    const keys: string[] = [];
    return { keys, answers: this.#whenGathered(keys) };
  }

  async #whenGathered(keys: readonly string[]): Promise<readonly Answer[]> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#gathering?.keys === keys) this.#gathering = undefined;
    const answers = await this.#options.ask(keys);
    invariant(answers.length === keys.length, 'each key of a batch has an answer');
    return answers;
  }
}
