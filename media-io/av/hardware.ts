import { MediaError } from '@gala/media/error';
import { hardwareEncoders, x264, type H264Encoder } from './h264-encoders.ts';
import { AvError } from './result.ts';
import { VideoEncoder } from './video-encoder.ts';

/**
 * The encoder that this machine shall use: the first one in hardware that really makes what is asked of it, else
 * x264. FFmpeg lists encoders whose driver or device is not there, so each is tried with two pictures.
 */
export async function chooseH264Encoder(mayUseHardware: boolean): Promise<H264Encoder> {
  if (!mayUseHardware) return x264;
  for (const encoder of hardwareEncoders) if (await works(encoder)) return encoder;
  return x264;
}

async function works(encoder: H264Encoder): Promise<boolean> {
  const size = { width: 640, height: 360 };
  try {
    using trial = await VideoEncoder.open({ ...size, framesPerSecond: 30, bitsPerSecond: 500_000, encoder });
    const first = await trial.encodeFrame(0, true);
    const second = await trial.encodeFrame(33, true);
    return first?.isKeyFrame === true && second?.isKeyFrame === true;
  } catch (error) {
    // Set-up that cannot be read says as much as a call that fails.
    if (error instanceof AvError || error instanceof MediaError) return false;
    throw error;
  }
}
