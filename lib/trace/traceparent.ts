import { randomFillSync } from 'node:crypto';

/** What crosses a process boundary of a trace (W3C Trace Context, section 3.2). */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hex digits, not all zero: the span of the sender. */
  readonly spanId: string;
  /** The sender records this trace. */
  readonly isSampled: boolean;
}

const sampledFlag = 0x01;
/** Level 2: the low 7 bytes of the trace id are random, so that they can decide the sampling. */
const randomFlag = 0x02;
const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const lengthMax = 512;

/** The context of a `traceparent` header; undefined when it is not valid, and a new trace is to begin. */
export function parseTraceparent(text: string): TraceContext | undefined {
  const match = text.length <= lengthMax ? pattern.exec(text) : undefined;
  if (!match) return undefined;
  const [, version, traceId, spanId, flags, rest] = match;
  // Version 00 ends here; later ones may go on after a dash (section 3.2.4, "Versioning of traceparent").
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & sampledFlag) !== 0 };
}

/** The `traceparent` header (version 00). */
export function formatTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  const flags = randomFlag | (isSampled ? sampledFlag : 0);
  return `00-${traceId}-${spanId}-0${flags}`;
}

export const randomTraceId = (): string => randomHex(16);
export const randomSpanId = (): string => randomHex(8);

/** One call of the system's generator serves 256 ids. */
const pool = Buffer.alloc(4096);
let poolUsed = pool.length;

function randomHex(byteCount: number): string {
  if (poolUsed + byteCount > pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  poolUsed += byteCount;
  const hex = pool.toString('hex', poolUsed - byteCount, poolUsed);
  return /^0+$/.test(hex) ? randomHex(byteCount) : hex;
}

/** The same answer in every process: by the last 7 bytes of the trace id, of which 6 are compared. */
export function isTraceSampled(traceId: string, share: number): boolean {
  return Number.parseInt(traceId.slice(-12), 16) < share * 2 ** 48;
}
