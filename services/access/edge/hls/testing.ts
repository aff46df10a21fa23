import type { StreamMessage } from '../stream.ts';

/** What of an FLV tag a broadcast is made of. */
export interface SourceTag {
  readonly type: 'video' | 'audio' | 'data';
  readonly payload: Buffer;
}

export interface BroadcastOptions {
  /** A recording of H.264 and AAC that can be played again and again. */
  readonly tags: readonly SourceTag[];
  readonly fromMs?: number;
  readonly toMs: number;
  readonly frameMs?: number;
  readonly packetMs?: number;
}

/** Packet types of AVC and AAC in FLV. */
const setUpPacket = 0;
const coded = 1;

/** A recording again and again, as one steady broadcast: set-up first when it begins at 0. */
export function broadcast(options: BroadcastOptions): StreamMessage[] {
  const { tags, fromMs = 0, frameMs = 40, packetMs = 1024 / 44.1 } = options;
  const of = (kind: 'video' | 'audio', packetType: number): Buffer[] =>
    tags.filter(({ type, payload }) => type === kind && payload[1] === packetType).map((tag) => tag.payload);
  const units = [
    ...timed('video', of('video', coded), { ...options, everyMs: frameMs }),
    ...timed('audio', of('audio', coded), { ...options, everyMs: packetMs }),
  ].toSorted((a, b) => a.timestampMs - b.timestampMs);
  if (fromMs > 0) return units;
  const setUp = (['video', 'audio'] as const).flatMap((kind) =>
    of(kind, setUpPacket).map((payload) => ({ kind, timestampMs: 0, payload })),
  );
  return [...setUp, ...units];
}

function timed(
  kind: 'video' | 'audio',
  payloads: readonly Buffer[],
  { fromMs = 0, toMs, everyMs }: { fromMs?: number; toMs: number; everyMs: number },
): StreamMessage[] {
  const messages: StreamMessage[] = [];
  for (let index = Math.ceil(fromMs / everyMs); index * everyMs < toMs; index++) {
    const payload = payloads[index % payloads.length];
    messages.push({ kind, timestampMs: Math.round(index * everyMs), payload });
  }
  return messages;
}
