/** The source every server gets: 720p30 H.264 at about 1 Mbps and AAC at 128 kbps, made once with ffmpeg. */
import { cached, contentKey } from './cache.ts';
import { run } from './process.ts';

const sourceSeconds = 20;
/** Video frames a second. */
export const sourceFramesPerSecond = 30;

/**
 * Noise over a moving test card, so that the encoder has to spend its whole budget on every frame: no B-frames, a
 * key frame every 2 s, one slice a frame, the rate held by a one-second buffer.
 */
const recipe = `
  -f lavfi -i testsrc2=size=1280x720:rate=${sourceFramesPerSecond},noise=alls=6:allf=t
  -f lavfi -i anoisesrc=color=pink:amplitude=0.3:sample_rate=48000:seed=1
  -t ${sourceSeconds} -pix_fmt yuv420p
  -c:v libx264 -preset veryfast -profile:v main -threads 1 -bf 0
  -g 60 -keyint_min 60 -sc_threshold 0 -b:v 1000k -maxrate 1000k -bufsize 1000k
  -c:a aac -b:a 128k -ac 2
  -fflags +bitexact -f flv`
  .trim()
  .split(/\s+/);

/** Path of the source FLV (`.cache/bench/source-….flv`). Needs ffmpeg with libx264 the first time. */
export async function sourceFlv(): Promise<string> {
  return cached(`source-${contentKey(recipe.join(' '))}.flv`, async (path) => {
    await run('ffmpeg', ['-hide_banner', '-loglevel', 'error', ...recipe, path]);
  });
}
