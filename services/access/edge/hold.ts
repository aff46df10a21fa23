import { frameDurationMs, parseAudioSpecificConfig, silentFrame } from '@gala/media/aac';
import { MediaError } from '@gala/media/error';
import type { GopCache } from './gop-cache.ts';
import { payloadOf } from './tag.ts';
import type { TrackKind } from './timeline.ts';

/** How often the hold speaks, and every how many times it repeats the picture. */
export const holdTickMs = 250;
const ticksPerPicture = 2;

/** What the hold asks the stream to append. */
export interface HeldMessage {
  readonly kind: TrackKind;
  /** Milliseconds before now. */
  readonly beforeMs: number;
  readonly payload: Buffer;
}

/**
 * The picture of a stream whose publisher is gone: the last key frame again and again, and silence, so that
 * players stay connected and do not stall. Pictures come twice a second because a player at low latency has
 * less than a second in its buffer.
 */
export class HoldPicture {
  /** The key frame behind the set-up that it was made for; the stream leaves out what viewers have already. */
  readonly #picture: Buffer[];
  readonly #silence: Buffer | undefined;
  readonly #silenceMs: number;
  #owedSilenceMs: number;
  #ticks = 0;

  constructor(cache: Pick<GopCache, 'keyFrame' | 'headers' | 'audioHeader'>) {
    const setUp = cache.headers.filter(({ kind }) => kind === 'video');
    this.#picture = cache.keyFrame ? [...setUp, cache.keyFrame].map(payloadOf) : [];
    const audio = cache.audioHeader && silentAac(payloadOf(cache.audioHeader));
    this.#silence = audio?.message;
    this.#silenceMs = audio?.durationMs ?? 0;
    // The last sound of the publisher lasts for a frame.
    this.#owedSilenceMs = -this.#silenceMs;
  }

  /** Everything for the time since the last call. */
  messages(elapsedMs: number): HeldMessage[] {
    const messages = this.#silenceFor(elapsedMs);
    if (this.#ticks++ % ticksPerPicture !== 0) return messages;
    return [
      ...messages,
      ...this.#picture.map((payload) => ({ kind: 'video', beforeMs: 0, payload }) as const),
    ];
  }

  #silenceFor(elapsedMs: number): HeldMessage[] {
    const messages: HeldMessage[] = [];
    if (!this.#silence) return messages;
    this.#owedSilenceMs += elapsedMs;
    while (this.#owedSilenceMs >= this.#silenceMs) {
      messages.push({ kind: 'audio', beforeMs: this.#owedSilenceMs, payload: this.#silence });
      this.#owedSilenceMs -= this.#silenceMs;
    }
    return messages;
  }
}

/** A silent RTMP audio message for a stream's AudioSpecificConfig message; undefined for other codecs. */
function silentAac(header: Buffer): { message: Buffer; durationMs: number } | undefined {
  const isAac = header.length >= 4 && header[0] >> 4 === 10;
  if (!isAac) return undefined;
  try {
    const config = parseAudioSpecificConfig(header.subarray(2));
    // Silence of more channels has no short form that all decoders take; such a hold is a picture alone.
    if (config.channels !== 1 && config.channels !== 2) return undefined;
    const frame = silentFrame(config.channels);
    return {
      message: Buffer.concat([header.subarray(0, 1), Buffer.of(1), frame]),
      durationMs: frameDurationMs(config),
    };
  } catch (error) {
    // A configuration that we cannot read still plays; its hold is a picture without sound.
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}
