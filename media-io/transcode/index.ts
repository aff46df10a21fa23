export {
  TranscodeChild,
  type SourceMessage,
  type TranscodeChildOptions,
  type TranscodeCounters,
  type TranscodeLimits,
} from './transcode-child.ts';
export { runTranscoding } from './transcode-work.ts';
