import { z } from 'zod';
import { section } from '@gala/lib/config';

const bitsPerSecond = (preset: number, height: number) =>
  z
    .int()
    .min(0)
    .max(50_000_000)
    .default(preset)
    .describe(`bits per second of ${height}p, ${height} lines on the shorter side; 0: no such rendition`);

/** The part `transcode` of the static settings: smaller renditions, made while somebody watches them. */
export const transcodeSection = section(
  'transcode',
  z.object({
    enabled: z.boolean().default(true).describe('make smaller renditions of streams while they are watched'),
    bitrate720p: bitsPerSecond(2_500_000, 720),
    bitrate540p: bitsPerSecond(1_400_000, 540),
    bitrate360p: bitsPerSecond(800_000, 360),
    streamsMax: z
      .int()
      .min(0)
      .default(2)
      .describe('streams that one process transcodes at once; more get TRANSCODE_BUSY'),
    idleMs: z.int().min(1_000).default(10_000).describe('a rendition that nobody watches is dropped after'),
    hardware: z.boolean().default(true).describe('use an encoder in hardware where one works'),
  }),
);

export type TranscodeConfig = z.output<typeof transcodeSection.schema>;

/** One rendition that may be made. */
export interface RenditionSetting {
  readonly name: string;
  /** Of the shorter side. */
  readonly height: number;
  readonly bitsPerSecond: number;
}

/** The renditions that are switched on, largest first. */
export function renditionsOf(config: TranscodeConfig): RenditionSetting[] {
  const { enabled, bitrate720p, bitrate540p, bitrate360p } = config;
  const all = [
    { name: '720p', height: 720, bitsPerSecond: bitrate720p },
    { name: '540p', height: 540, bitsPerSecond: bitrate540p },
    { name: '360p', height: 360, bitsPerSecond: bitrate360p },
  ];
  return enabled ? all.filter((setting) => setting.bitsPerSecond > 0) : [];
}
