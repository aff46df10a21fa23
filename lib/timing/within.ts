/**
 * What `work` comes to, if it does within `ms`; otherwise what `onLate` answers or throws. Work that is late goes on,
 * and what becomes of it then is nobody's business.
 */
export async function within<Value, Late>(
  ms: number,
  work: Promise<Value>,
  onLate: () => Late,
): Promise<Value | Late> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof isLate>((resolve) => {
    timer = setTimeout(resolve, ms, isLate);
  });
  try {
    const first = await Promise.race([work, late]);
    return first === isLate ? onLate() : first;
  } finally {
    clearTimeout(timer);
  }
}

const isLate = Symbol('late');

/** What `work` comes to, or the signal's reason as soon as it is aborted; the work goes on. */
export async function abortable<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
