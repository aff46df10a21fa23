import type { HlsSegment, Variant } from '@gala/media/hls';
import { scaledSize } from '@gala/media/picture';
import { codecString } from '@gala/media/mp4';
import { formOf, type HlsForm } from './forms.ts';
import type { RenditionSetting } from '../renditions/config.ts';
import type { HlsOutput } from './output.ts';
import { playlistName } from './request.ts';

/** What containers add to sound, and what a peak has over the mean, where none of it has been cut yet. */
const soundOverheadBits = 16_000;
const soundPeak = 1.25;

/** The variants of a stream: the output that was asked for, and, where that has pictures, its sound alone. */
export function variantsOf(output: HlsOutput, soundOutput: HlsOutput | undefined): Variant[] {
  const { configs, form } = output;
  const hasBoth = configs.length > 1;
  const isSoundOffered = hasBoth && !form.isAudioOnly;
  return [mainVariant(output), ...(isSoundOffered ? [soundVariant(output, soundOutput)] : [])];
}

/** What x264 makes at the most of the heights that there are: main profile, level 3.1. */
const renditionCodec = 'avc1.4d401f';
/** What a peak of a rendition has over its mean, within the window of its rate. */
const renditionPeak = 1.5;

/** The rungs of the ladder that may be asked for: none is cut, or made, for being listed. */
export function renditionVariants(output: HlsOutput, settings: readonly RenditionSetting[]): Variant[] {
  const { configs, form, stream, soundBitsPerSecond } = output;
  const video = configs.find((config) => config.kind === 'video');
  if (!video) return [];
  const sound = configs.filter(({ kind }) => kind === 'audio').map(codecString);
  return settings.map(({ name, height, bitsPerSecond }) => {
    const averageBandwidth = bitsPerSecond + soundBitsPerSecond + soundOverheadBits;
    return {
      uri: uriOf(`${stream.key}_${name}`, form),
      averageBandwidth,
      bandwidth: averageBandwidth * renditionPeak,
      codecs: [renditionCodec, ...sound],
      ...scaledSize(video, height),
    };
  });
}

/** Lines of the shorter side of what an output shows; 0 for sound alone. */
export function linesOf({ configs }: HlsOutput): number {
  const video = configs.find((config) => config.kind === 'video');
  return video ? Math.min(video.width, video.height) : 0;
}

/** The form that has the sound alone of what another has. */
export function soundFormOf({ container }: HlsForm): HlsForm {
  return formOf({ container, isAudioOnly: true });
}

function mainVariant({ configs, state, stream, form }: HlsOutput): Variant {
  const video = configs.find((config) => config.kind === 'video');
  return {
    uri: uriOf(stream.key, form),
    ...ratesOf(state.segments),
    codecs: configs.map(codecString),
    ...(video && { width: video.width, height: video.height }),
  };
}

/** It need not be cut for that: its rate is taken from what goes into the other. */
function soundVariant({ configs, stream, form, soundBitsPerSecond }: HlsOutput, cut?: HlsOutput): Variant {
  const segments = cut?.state.segments ?? [];
  const averageBandwidth = soundBitsPerSecond + soundOverheadBits;
  const expected = { averageBandwidth, bandwidth: averageBandwidth * soundPeak };
  return {
    uri: uriOf(stream.key, soundFormOf(form)),
    ...(segments.length > 0 ? ratesOf(segments) : expected),
    codecs: configs.filter(({ kind }) => kind === 'audio').map(codecString),
  };
}

function uriOf(key: string, { folder }: HlsForm): string {
  return `${key}/${folder}${playlistName}`;
}

function ratesOf(segments: readonly HlsSegment[]): Pick<Variant, 'bandwidth' | 'averageBandwidth'> {
  const rates = segments.map(bitsPerSecond);
  const averageBandwidth = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return { bandwidth: Math.max(...rates), averageBandwidth };
}

function bitsPerSecond({ sizeBytes, durationMs }: HlsSegment): number {
  return (sizeBytes * 8000) / durationMs;
}
