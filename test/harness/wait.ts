export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
  /** Named in the error. */
  readonly what: string;
}

/** Polls until `condition` holds; the first truthy value is the answer. */
export async function waitFor<Value>(
  condition: () => Value | Promise<Value>,
  { timeoutMs = 20_000, everyMs = 20, what }: WaitOptions,
): Promise<NonNullable<Value>> {
  const endsAt = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > endsAt) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
