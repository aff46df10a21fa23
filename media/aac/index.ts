export { encodeAdtsHeader, parseAdtsHeader, type AdtsHeader } from './adts.ts';
export {
  audioObjectType,
  encodeAudioSpecificConfig,
  frameDurationMs,
  parseAudioSpecificConfig,
  type AudioSpecificConfig,
  type AudioSpecificConfigInput,
} from './audio-specific-config.ts';
export { silentFrame } from './silent-frame.ts';
