/**
 * What was answered to those who may ask the same again, by their own numbers. Two generations: after `generationMs`,
 * or when one is full, the older is forgotten, so an answer is remembered for one to two of them.
 */
export class RecentAnswers<Answer> {
  readonly #generationMs: number;
  readonly #max: number;
  #young = new Map<string, Answer>();
  #old = new Map<string, Answer>();
  #turnedAtMs = 0;

  constructor({ generationMs, max }: { readonly generationMs: number; readonly max: number }) {
    this.#generationMs = generationMs;
    this.#max = max;
  }

  get(id: string): Answer | undefined {
    return this.#young.get(id) ?? this.#old.get(id);
  }

  set(id: string, answer: Answer, nowMs: number): void {
    if (nowMs - this.#turnedAtMs > this.#generationMs || this.#young.size >= this.#max) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#turnedAtMs = nowMs;
    }
    this.#young.set(id, answer);
  }

  /** What was to be remembered came to nothing. */
  delete(id: string): void {
    this.#young.delete(id);
    this.#old.delete(id);
  }
}
