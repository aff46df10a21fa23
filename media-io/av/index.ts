import './quiet.ts';

export { aacFrameSamples, AudioEncoder, type AudioEncoderOptions } from './audio-encoder.ts';
export { AvError } from './result.ts';
export {
  VideoEncoder,
  type EncodedPicture,
  type Picture,
  type VideoEncoderOptions,
} from './video-encoder.ts';
