/** How an answer counts; the marks of one call are added: `slow | failed` is a slow failure. */
export const succeeded = 0;
export const failed = 1;
export const slow = 2;

/** What the last calls came to. Plain fields, so that a state can be copied and compared. */
export interface CallWindow {
  calls: number;
  failures: number;
  slows: number;
}

/** The last `marks.length` calls. */
export interface CountWindow extends CallWindow {
  readonly marks: Uint8Array;
  /** Where the next call is written. */
  next: number;
}

/** The calls of the last `bucketMs * (calls per bucket).length` ms, at the precision of one bucket. */
export interface TimeWindow extends CallWindow {
  readonly bucketMs: number;
  /** Calls, failures and slow calls of bucket `i` at 3i, 3i+1, 3i+2. */
  readonly counts: Uint32Array;
  /** Serial number of the newest bucket: time divided by `bucketMs`. */
  newest: number;
}

export function createCountWindow(size: number): CountWindow {
  return { marks: new Uint8Array(size), next: 0, calls: 0, failures: 0, slows: 0 };
}

export function createTimeWindow(sizeMs: number, bucketCount: number): TimeWindow {
  const counts = new Uint32Array(bucketCount * 3);
  return { bucketMs: sizeMs / bucketCount, counts, newest: -1, calls: 0, failures: 0, slows: 0 };
}

/** Adds a call and forgets those that have left the window. */
export function addCall(window: CountWindow | TimeWindow, marks: number, nowMs: number): void {
  if ('marks' in window) addToCount(window, marks);
  else addToTime(window, marks, nowMs);
  window.calls++;
  window.failures += marks & failed;
  window.slows += (marks & slow) >> 1;
}

export function clearCalls(window: CountWindow | TimeWindow): void {
  window.calls = window.failures = window.slows = 0;
  if ('marks' in window) window.next = 0;
  else window.counts.fill(0);
}

function addToCount(window: CountWindow, marks: number): void {
  const { marks: ring, next } = window;
  if (window.calls === ring.length) {
    const leaving = ring[next];
    window.calls--;
    window.failures -= leaving & failed;
    window.slows -= (leaving & slow) >> 1;
  }
  ring[next] = marks;
  window.next = next + 1 === ring.length ? 0 : next + 1;
}

function addToTime(window: TimeWindow, marks: number, nowMs: number): void {
  const { counts } = window;
  const bucket = Math.floor(nowMs / window.bucketMs);
  if (bucket > window.newest) turnTo(window, bucket);
  const at = (bucket % (counts.length / 3)) * 3;
  counts[at]++;
  counts[at + 1] += marks & failed;
  counts[at + 2] += (marks & slow) >> 1;
}

/** Empties the buckets between the newest and `bucket`; after a long silence that is all of them, once. */
function turnTo(window: TimeWindow, bucket: number): void {
  const { counts } = window;
  const bucketCount = counts.length / 3;
  const first = Math.max(window.newest + 1, bucket - bucketCount + 1);
  for (let serial = first; serial <= bucket; serial++) {
    const at = (serial % bucketCount) * 3;
    window.calls -= counts[at];
    window.failures -= counts[at + 1];
    window.slows -= counts[at + 2];
    counts.fill(0, at, at + 3);
  }
  window.newest = bucket;
}
