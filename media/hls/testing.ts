import { readFlvTags } from '../fixtures/flv.ts';
import { FlvUnitReader, type AccessUnit, type TrackConfig } from '../mp4/index.ts';
import {
  HlsMemory,
  HlsMuxer,
  isPlayable,
  parseFileName,
  renderMediaPlaylist,
  resolveFile,
  type HlsEvents,
  type HlsOptions,
  type HlsState,
} from './index.ts';
import { PlaylistValidator } from './validator.ts';

/** Unix time at which the streams of tests begin. */
export const startMs = Date.UTC(2026, 0, 1);
const reader = new FlvUnitReader();
for (const tag of readFlvTags()) reader.read(tag, tag.timestampMs);
/** Set-up of pictures and sound. */
export const tracks: readonly TrackConfig[] = reader.configs;
export const [videoTrack, audioTrack] = tracks;

export interface Source {
  readonly fromMs: number;
  readonly toMs: number;
  readonly frameMs: number;
  readonly framesPerKey: number;
  readonly audio?: boolean;
  readonly video?: boolean;
}

/** Units of an encoder as FLV carries them: times rounded to ms, interleaved. */
export function unitsOf({
  fromMs,
  toMs,
  frameMs,
  framesPerKey,
  audio = true,
  video = true,
}: Source): AccessUnit[] {
  const units: AccessUnit[] = [];
  const videoMs = video ? toMs - fromMs : 0;
  const audioMs = audio ? toMs - fromMs : 0;
  for (let frame = 0; frame * frameMs < videoMs; frame++) {
    const payload = Buffer.from([0, 0, 0, 3, frame % framesPerKey === 0 ? 0x65 : 0x41, frame & 255, 1]);
    const dtsMs = fromMs + Math.round(frame * frameMs);
    units.push({ kind: 'video', dtsMs, compositionMs: 80, keyFrame: frame % framesPerKey === 0, payload });
  }
  const packetMs = 1024 / 44.1;
  for (let packet = 0; packet * packetMs < audioMs; packet++) {
    const dtsMs = fromMs + Math.round(packet * packetMs);
    units.push({
      kind: 'audio',
      dtsMs,
      compositionMs: 0,
      keyFrame: true,
      payload: Buffer.from([1, packet & 255]),
    });
  }
  return units.toSorted((a, b) => a.dtsMs - b.dtsMs);
}

/** A rendition with its bytes, and every playlist it gave out, each checked as a player would meet it. */
export class Rendition {
  readonly muxer: HlsMuxer;
  readonly memory = new HlsMemory();
  readonly validator = new PlaylistValidator();
  readonly issues: string[] = [];
  nowMs = startMs;

  readonly #container: HlsOptions['container'];

  constructor(options: Partial<HlsOptions> = {}, state?: HlsState) {
    this.#container = options.container ?? 'fmp4';
    this.muxer = new HlsMuxer(options, state);
  }

  begin(set: readonly TrackConfig[] = tracks): this {
    this.#apply(this.muxer.begin(set, this.nowMs));
    return this;
  }

  /** Units arrive at their time; those of sound say that they are later. */
  push(units: readonly AccessUnit[], audioAheadMs = 0): this {
    for (const unit of units) {
      this.nowMs = startMs + unit.dtsMs;
      const dtsMs = unit.dtsMs + (unit.kind === 'audio' ? audioAheadMs : 0);
      this.#apply(this.muxer.push({ ...unit, dtsMs }, this.nowMs));
    }
    return this;
  }

  end(): this {
    this.#apply(this.muxer.end(this.nowMs));
    return this;
  }

  get state(): HlsState {
    return this.muxer.state;
  }

  playlist(container: HlsOptions['container'] = 'fmp4'): string {
    return renderMediaPlaylist(this.state, { container });
  }

  file(name: string): Buffer {
    const file = parseFileName(name, 'fmp4');
    const chunks = file && this.memory.read(resolveFile(file, this.state));
    if (!chunks) throw new Error(`${name} is not there`);
    return Buffer.concat(chunks);
  }

  #apply(events: HlsEvents): void {
    this.memory.apply(events);
    if (events.length > 0 && isPlayable(this.state)) {
      this.issues.push(...this.validator.add(this.playlist(this.#container)));
    }
  }
}
