import './quiet.ts';

export { aacFrameSamples, AudioEncoder, type AudioEncoderOptions } from './audio-encoder.ts';
export { chooseH264Encoder } from './hardware.ts';
export { encodeJpeg, type JpegOptions } from './jpeg.ts';
export type { Picture } from './picture.ts';
export { AvError } from './result.ts';
export type { MediaMessage, RungOptions } from './rung.ts';
export { Transcoder, type TranscoderOptions } from './transcoder.ts';
export { VideoDecoder, type CodedPicture } from './video-decoder.ts';
export { VideoEncoder, type EncodedPicture, type VideoEncoderOptions } from './video-encoder.ts';
