/**
 * The bench measured: a proxy between the C send loop and the viewers does known harm (a lost frame, a changed
 * byte, a stall, a cut), and the viewers, in two processes, have to report exactly that; undisturbed they have to
 * report none.
 */
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

import { certificate } from './certificate.ts';
import { buildLoad, view } from './load.ts';
import type { Load, ViewerReport } from './load.ts';
import { sendLoop } from './peers/send-loop.ts';
import { sourceFlv } from './source.ts';

const viewers = 4;
const seconds = 3;

/** One whole FLV tag with its size field; answers the bytes to pass on. */
type Harm = (tag: Buffer, frame: number, viewer: Socket) => Buffer;

interface Case {
  readonly name: string;
  readonly harm: Harm;
  readonly tls?: boolean;
  readonly holds: (report: ViewerReport) => boolean;
}

const clean = (report: ViewerReport): boolean =>
  report.joined === viewers && report.lost + report.duplicated + report.hashDifferent + report.closed === 0;

const cases: readonly Case[] = [
  {
    name: 'undisturbed: all joined, nothing lost, every payload equal, latency low',
    harm: (tag) => tag,
    holds: (report) => clean(report) && report.hashChecked > 100 && report.latencyMsP99 < 50,
  },
  {
    name: 'the same over TLS',
    tls: true,
    harm: (tag) => tag,
    holds: (report) => clean(report) && report.hashChecked > 100 && report.latencyMsP99 < 50,
  },
  {
    name: 'one frame of each viewer dropped: one lost each',
    harm: (tag, frame) => (frame === 100 ? Buffer.alloc(0) : tag),
    holds: (report) => report.lost === viewers && report.hashDifferent === 0,
  },
  {
    name: 'one frame of each viewer sent twice: one repeated each',
    harm: (tag, frame) => (frame === 100 ? Buffer.concat([tag, tag]) : tag),
    holds: (report) => report.duplicated === viewers && report.lost === 0,
  },
  {
    name: 'one byte of each viewer changed: one payload differs each',
    harm: (tag, frame) => (frame === 100 ? changeByte(tag) : tag),
    holds: (report) => report.hashDifferent === viewers && report.lost === 0,
  },
  {
    name: 'viewers cut off: counted as closed',
    harm: (tag, frame, viewer) => {
      if (frame === 200) viewer.destroy();
      return tag;
    },
    holds: (report) => report.closed === viewers,
  },
  {
    name: 'the whole proxy stalled for 400 ms: seen in the latency',
    harm: (tag, frame) => {
      if (frame === 250) stall(400);
      return tag;
    },
    holds: (report) => clean(report) && report.latencyMsMax > 300,
  },
];

/** Runs all cases; the exit code is 1 when a viewer program misses or invents harm. */
export async function main(): Promise<number> {
  const [load, source] = [await buildLoad(), await sourceFlv()];
  let broken = 0;
  for (const item of cases) {
    if (item.tls && !load.tls) continue;
    const report = await runCase(item, load, source);
    const holds = item.holds(report);
    if (!holds) broken++;
    console.log(`${holds ? 'kept' : 'BROKEN'}: ${item.name}${holds ? '' : ` ${JSON.stringify(report)}`}`);
  }
  return broken === 0 ? 0 : 1;
}

async function runCase(item: Case, load: Load, source: string): Promise<ViewerReport> {
  const server = await sendLoop(load, source, 'frame').start();
  const proxy = await listen(item, server.play.port);
  const { port } = proxy.address() as AddressInfo;
  const target = { ...server.play, port, tls: item.tls ?? false } as const;
  const crowd = {
    viewers,
    seconds,
    warmUpSeconds: 1,
    joinsPerSecond: 100,
    segmentBytes: 0,
    hashSample: viewers,
    processes: 2,
  };
  try {
    return await view(load, { ...crowd, target, source });
  } finally {
    proxy.close();
    await server.stop();
  }
}

async function listen(item: Case, upstreamPort: number): Promise<Server> {
  const forward = (viewer: Socket): void => relay(viewer, connect(upstreamPort, '127.0.0.1'), item.harm);
  const pem = item.tls ? readFileSync(await certificate()) : undefined;
  const server = pem ? createTlsServer({ key: pem, cert: pem }, forward) : createServer(forward);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return server;
}

/** Passes the response on tag by tag, so that harm hits whole frames. */
function relay(viewer: Socket, upstream: Socket, harm: Harm): void {
  let pending = Buffer.alloc(0);
  let bodyStarted = false;
  let frame = 0;
  viewer.setNoDelay(true).pipe(upstream);
  for (const [socket, other] of [
    [viewer, upstream],
    [upstream, viewer],
  ] as const) {
    socket.on('error', () => other.destroy()).on('close', () => other.destroy());
  }
  upstream.on('data', (bytes: Buffer) => {
    pending = Buffer.concat([pending, bytes]);
    if (!bodyStarted) {
      const headBytes = pending.indexOf('\r\n\r\n') + 4 + 13;
      if (headBytes < 4 + 13 || pending.length < headBytes) return;
      bodyStarted = true;
      viewer.write(pending.subarray(0, headBytes));
      pending = pending.subarray(headBytes);
    }
    for (let size = tagBytes(pending); size > 0; size = tagBytes(pending)) {
      viewer.write(harm(pending.subarray(0, size), frame++, viewer));
      pending = pending.subarray(size);
    }
  });
}

/** Bytes of the first whole tag with its size field, 0 while it is incomplete. */
function tagBytes(bytes: Buffer): number {
  if (bytes.length < 11) return 0;
  const size = 11 + bytes.readUIntBE(1, 3) + 4;
  return bytes.length < size ? 0 : size;
}

function changeByte(tag: Buffer): Buffer {
  const changed = Buffer.from(tag);
  changed[30] = changed[30] ^ 1;
  return changed;
}

/** Blocks this whole process, as a busy server would. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
