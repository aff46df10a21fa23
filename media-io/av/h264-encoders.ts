import {
  AV_PIX_FMT_NV12,
  AV_PIX_FMT_YUV420P,
  FF_ENCODER_H264_AMF,
  FF_ENCODER_H264_NVENC,
  FF_ENCODER_H264_QSV,
  FF_ENCODER_H264_VIDEOTOOLBOX,
  FF_ENCODER_LIBX264,
  type AVPixelFormat,
} from 'node-av/constants';
import type { EncoderName } from './codec.ts';

/** One encoder of H.264, made to answer each picture with its access unit, a key frame where it is asked for one. */
export interface H264Encoder {
  readonly name: EncoderName;
  readonly pixelFormat: AVPixelFormat;
  readonly settings: Readonly<Record<string, string>>;
}

export const x264: H264Encoder = {
  name: FF_ENCODER_LIBX264,
  pixelFormat: AV_PIX_FMT_YUV420P,
  settings: { preset: 'superfast', tune: 'zerolatency', profile: 'main', 'forced-idr': '1' },
};

/** Encoders in hardware that take pictures from plain memory, in the order in which they are tried. */
export const hardwareEncoders: readonly H264Encoder[] = [
  {
    name: FF_ENCODER_H264_NVENC,
    pixelFormat: AV_PIX_FMT_YUV420P,
    settings: { preset: 'p3', tune: 'ull', rc: 'cbr', delay: '0', zerolatency: '1', 'forced-idr': '1' },
  },
  {
    name: FF_ENCODER_H264_QSV,
    pixelFormat: AV_PIX_FMT_NV12,
    settings: { preset: 'veryfast', async_depth: '1', look_ahead: '0', forced_idr: '1' },
  },
  {
    name: FF_ENCODER_H264_VIDEOTOOLBOX,
    pixelFormat: AV_PIX_FMT_YUV420P,
    settings: { realtime: '1', allow_sw: '0', profile: 'main' },
  },
  {
    name: FF_ENCODER_H264_AMF,
    pixelFormat: AV_PIX_FMT_NV12,
    settings: { usage: 'ultralowlatency', forced_idr: '1' },
  },
];
