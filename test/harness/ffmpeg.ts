import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { enginePath } from '../engines.ts';

export interface PublishOptions {
  readonly rtmpUrl: string;
  readonly streamKey: string;
  readonly width?: number;
  readonly height?: number;
  readonly framesPerSecond?: number;
  readonly seconds?: number;
  /** Says so to ffmpeg's RTMP protocol (`-rtmp_live live`), as its documentation advises for live servers. */
  readonly live?: boolean;
  /** Publishes this instead, as it is, in real time. */
  readonly file?: string;
  /** Colour of the left upper quarter, to tell publishers apart. */
  readonly colour?: string;
}

/** Bits of the frame number that are drawn into the picture. */
export const counterBits = 16;

/** A real ffmpeg that publishes a moving picture with its frame number in squares along the lower edge. */
export class FfmpegPublisher implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly #errors: string[] = [];

  constructor(options: PublishOptions) {
    this.process = spawn(enginePath('ffmpeg'), publishArguments(options), {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.process.stderr!.on('data', (chunk: Buffer) => this.#errors.push(chunk.toString()));
  }

  get errors(): string {
    return this.#errors.join('');
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Resolves with the exit code; 255 after a signal that it took. */
  async ended(): Promise<number | null> {
    if (this.running) await once(this.process, 'exit');
    return this.process.exitCode;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.running) this.process.kill(signal);
    await this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}

function publishArguments(options: PublishOptions): string[] {
  const target = `-f flv ${options.rtmpUrl}/${options.streamKey}`;
  if (options.file) return words(`-hide_banner -loglevel error -re -i ${options.file} -c copy ${target}`);
  const { width = 640, height = 360, framesPerSecond = 30, seconds, colour = 'blue' } = options;
  return [
    ...words('-hide_banner -loglevel error'),
    ...words(`-re -f lavfi -i testsrc2=size=${width}x${height}:rate=${framesPerSecond}`),
    ...words('-re -f lavfi -i sine=frequency=440:sample_rate=48000'),
    ...(seconds ? words(`-t ${seconds}`) : []),
    '-filter_complex',
    `[0:v]${counterFilter(width, height, colour)}[v]`,
    ...words('-map [v] -map 1:a -threads 1'),
    ...words(
      `-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g ${framesPerSecond} -b:v 800k`,
    ),
    ...words('-c:a aac -b:a 96k -ar 48000 -ac 2'),
    ...(options.live ? words('-rtmp_live live') : []),
    ...words(target),
  ];
}

const words = (text: string): string[] => text.split(' ');

/** A coloured quarter, and a square per bit: white while the bit of the frame number is set. */
function counterFilter(width: number, height: number, colour: string): string {
  const size = Math.floor(width / counterBits);
  const y = height - size;
  const boxes = [`drawbox=x=0:y=0:w=${width / 2}:h=${height / 2}:color=${colour}:t=fill`];
  for (let bit = 0; bit < counterBits; bit++) {
    const box = `drawbox=x=${bit * size}:y=${y}:w=${size}:h=${size}:t=fill`;
    boxes.push(`${box}:color=black`, `${box}:color=white:enable='mod(floor(n/${2 ** bit}),2)'`);
  }
  return boxes.join(',');
}
