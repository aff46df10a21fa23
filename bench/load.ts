/** The compiled load programs (`bench/load/*.c`): building them, publishing with them, viewing with them. */
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { cached, contentKey } from './cache.ts';
import type { PlayTarget, PublishTarget } from './peers/peer.ts';
import { loadCore, run, startChild } from './process.ts';
import type { Child } from './process.ts';

const sourceFolder = join(import.meta.dirname, 'load');
/** What a viewer program opens beside its viewers, generously. */
const descriptorsOfProgram = 50;
const programs = [
  'rtmp-publish',
  'rtmp-view',
  'flv-view',
  'send-loop',
  'ws-view',
  'ws-offer',
  'ws-storm',
] as const;

/** What a viewer program prints (`bench/load/viewers.h`). Times in milliseconds, CPU in percent of its core. */
export interface ViewerReport {
  readonly viewers: number;
  /** Viewers that got a whole key frame. */
  readonly joined: number;
  readonly failed: number;
  /** Viewers whose connection ended before the run did. */
  readonly closed: number;
  readonly seconds: number;
  /** Video frames received by all viewers within the measuring window. */
  readonly frames: number;
  /** Frames (video and audio) missing by sequence over the whole run, of all viewers. */
  readonly lost: number;
  readonly duplicated: number;
  readonly unstamped: number;
  /** Latency of video frames; audio may wait for the next video frame, so it has its own figure. */
  readonly latencyMsP50: number;
  readonly latencyMsP99: number;
  readonly latencyMsMax: number;
  readonly audioMsP99: number;
  readonly joinMsP50: number;
  readonly joinMsP99: number;
  readonly joinMsMax: number;
  readonly bytesPerViewerPerSecond: number;
  readonly hashReceivers: number;
  readonly hashChecked: number;
  readonly hashDifferent: number;
  readonly cpuPercent: number;
}

/** Built programs: the folder they are in and whether viewers can do TLS. */
export interface Load {
  readonly folder: string;
  readonly tls: boolean;
}

/** Compiles the load programs unless the same sources were compiled before; needs a C compiler as `cc`. */
export async function buildLoad(): Promise<Load> {
  const tls = await run('cc', ['-E', '-include', 'openssl/ssl.h', '-x', 'c', '/dev/null']).then(
    () => true,
    () => false,
  );
  const flags = ['-O2', '-Wall', '-Wextra', '-D_GNU_SOURCE', ...(tls ? ['-DWITH_TLS'] : [])];
  const names = (await readdir(sourceFolder)).toSorted();
  const sources = await Promise.all(names.map((name) => readFile(join(sourceFolder, name))));
  const key = contentKey(await compilerVersion(), flags.join(' '), ...names, ...sources);
  const folder = await cached(`load-${key}`, async (path) => {
    await mkdir(path);
    for (const program of programs) {
      const files = ['-o', join(path, program), join(sourceFolder, `${program}.c`)];
      await run('cc', [...flags, ...files, '-lz', ...(tls ? ['-lssl', '-lcrypto'] : [])]);
    }
  });
  return { folder, tls };
}

async function compilerVersion(): Promise<string> {
  return run('cc', ['--version']).catch((cause: unknown) => {
    throw new Error('no C compiler: sudo apt-get install -y gcc libc6-dev (and libssl-dev for TLS rows)', {
      cause,
    });
  });
}

/** Starts the publisher and waits until the server has accepted it. */
export async function startPublisher(load: Load, source: string, target: PublishTarget): Promise<Child> {
  const { port, app, key } = target;
  const args = ['--source', source, '--port', String(port), '--app', app, '--stream', key];
  const child = startChild(join(load.folder, 'rtmp-publish'), args, { core: loadCore });
  try {
    await child.line(/^publishing$/, 15_000);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return child;
}

/** One run of viewers. The two callbacks mark the measuring window. */
export interface ViewOptions {
  readonly target: PlayTarget;
  readonly source: string;
  readonly viewers: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly joinsPerSecond: number;
  /** TCP_MAXSEG of the viewers; 0 leaves loopback's 64 KB segments. */
  readonly segmentBytes: number;
  readonly hashSample: number;
  /** Processes that the viewers are in; as few as can have that many descriptors, if absent. */
  readonly processes?: number;
  readonly onMeasuring?: () => void;
  readonly onMeasured?: () => void;
}

/** Processes that so many viewers need: each is a descriptor, of which a process may have a limited number. */
export function clientProcesses(viewers: number): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const hard = Number(/^Max open files +\S+ +(\d+)/m.exec(limits)?.[1] ?? Infinity);
  return Math.ceil(viewers / (hard - descriptorsOfProgram));
}

/** Runs viewers to the end of their window. */
export async function view(load: Load, options: ViewOptions): Promise<ViewerReport> {
  const { target } = options;
  const program = target.protocol === 'rtmp' ? 'rtmp-view' : 'flv-view';
  const child = startChild(join(load.folder, program), [...targetArgs(target), ...crowdArgs(options)], {
    core: loadCore,
  });
  const windowMs =
    (options.viewers / options.joinsPerSecond + options.warmUpSeconds + options.seconds + 30) * 1000;
  try {
    await child.line(/^measuring$/, windowMs);
    options.onMeasuring?.();
    await child.line(/^measured$/, windowMs);
    options.onMeasured?.();
    await child.exited;
  } finally {
    await child.stop();
  }
  return JSON.parse(child.output()) as ViewerReport;
}

function targetArgs(target: PlayTarget): string[] {
  const port = ['--port', String(target.port)];
  if (target.protocol === 'rtmp') return [...port, '--app', target.app, '--stream', target.stream];
  return [...port, '--path', target.path, ...(target.tls ? ['--tls'] : [])];
}

function crowdArgs(options: ViewOptions): string[] {
  const numbers = {
    viewers: options.viewers,
    processes: options.processes ?? clientProcesses(options.viewers),
    'joins-per-second': options.joinsPerSecond,
    'warm-up': options.warmUpSeconds,
    seconds: options.seconds,
    'segment-bytes': options.segmentBytes,
    'hash-sample': Math.min(options.hashSample, options.viewers),
  };
  const pairs = optionArgs(numbers);
  return [...pairs, '--source', options.source];
}

/** Options of a load program, as `--name value`. */
export function optionArgs(options: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
}
