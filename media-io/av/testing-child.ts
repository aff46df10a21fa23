import { setTimeout as delay } from 'node:timers/promises';
import { Demuxer, Muxer } from 'node-av/api';

/**
 * What tests ask of an FFmpeg that knows enhanced RTMP, in a process of its own: `publish <file> <url>` sends a file
 * at its own pace, as it is; `probe <url>` prints the ids of the codecs that can be read there, as JSON.
 */
const [task, source, target = ''] = process.argv.slice(2);
if (task === 'publish') await publish(source, target);
else await probe(source);

async function publish(file: string, url: string): Promise<void> {
  const demuxer = await Demuxer.open(file);
  const muxer = await Muxer.open(url, { format: 'flv' });
  const indexes = demuxer.streams.map((stream) => muxer.addStream(stream));
  const beganMs = performance.now();
  for await (const packet of demuxer.packets()) {
    if (!packet) break;
    const { num, den } = demuxer.streams[packet.streamIndex].timeBase;
    const dueMs = (Number(packet.pts) * 1000 * num) / den;
    // The first packets of some codecs have no time of their own.
    const waitMs = Math.min(beganMs + dueMs - performance.now(), 1_000);
    if (waitMs > 0) await delay(waitMs);
    await muxer.writePacket(packet, indexes[packet.streamIndex]);
  }
  await muxer.close();
}

async function probe(url: string): Promise<void> {
  const demuxer = await Demuxer.open(url);
  console.log(JSON.stringify(demuxer.streams.map(({ codecpar }) => codecpar.codecId)));
  // A live stream does not end by itself.
  process.kill(process.pid);
}
