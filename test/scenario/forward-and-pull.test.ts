import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { describeWithEngines, enginePath } from '../engines.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { FlvViewer } from '../harness/flv-viewer.ts';
import { freePort, Gala } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

/** ffmpeg as a server, until it is disposed. */
function ffmpeg(args: string): ChildProcess & AsyncDisposable {
  const child = spawn(enginePath('ffmpeg'), `-hide_banner -loglevel error ${args}`.split(' '));
  const dispose = async (): Promise<void> => {
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (!ended && child.kill('SIGKILL')) await once(child, 'exit');
  };
  return Object.assign(child, { [Symbol.asyncDispose]: dispose });
}

async function folder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'gala-forward-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

const codecsOf = (file: string): string[] =>
  spawnSync(
    join(dirname(enginePath('ffmpeg')), 'ffprobe'),
    ['-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', file],
    { encoding: 'utf8' },
  )
    .stdout.trim()
    .split('\n')
    .toSorted();

describeWithEngines('forward and pull', ['ffmpeg'], () => {
  test('a stream goes to a server that appears late, and to the next one in its place', async () => {
    await using gala = await Gala.start({ env: { GALA_FORWARD_PRIVATE_TARGETS: 'true' } });
    await using files = await folder();
    const target = `rtmp://127.0.0.1:${await freePort()}/live/copy`;
    const { name, streamKey } = await gala.createHost('copied');
    const media = { record: false, forwardUrls: [target], sourceUrl: '' };
    await gala.operator.putHostMedia({ hostRef: `@${name}`, ...media });
    await using _publisher = await FixturePublisher.start({ rtmpUrl: gala.rtmpUrl, streamKey });
    for (const file of [join(files.path, 'first.flv'), join(files.path, 'second.flv')]) {
      await using server = ffmpeg(`-listen 1 -i ${target} -t 3 -c copy -y ${file}`);
      await once(server, 'exit');
      expect(server.exitCode).toBe(0);
      expect(codecsOf(file)).toEqual(['aac', 'h264']);
    }
    expect(await gala.metric('gala_forward_connected_total')).toBeGreaterThanOrEqual(2);
    expect(gala.lines.join('\n')).not.toContain('/live/copy');
  });

  test('HTTP-FLV of another server is pulled by its first viewer and let go after the last', async () => {
    const env = { GALA_PULL_PRIVATE_SOURCES: 'true', GALA_PULL_IDLE_MS: '1000' };
    await using gala = await Gala.start({ env });
    const sourceUrl = `http://127.0.0.1:${await freePort()}/source.flv`;
    const { name } = await gala.createHost('pulled');
    await gala.operator.putHostMedia({ hostRef: `@${name}`, record: false, forwardUrls: [], sourceUrl });
    const picture = '-re -f lavfi -i testsrc2=size=320x180:rate=25 -c:v libx264 -preset ultrafast -g 25';
    await using source = ffmpeg(`${picture} -tune zerolatency -f flv -listen 1 ${sourceUrl}`);
    const url = `${gala.liveUrl}/live/@${name}.flv?latency=realtime`;
    const open = () => FlvViewer.open(url).catch(() => undefined);
    {
      await using viewer = await waitFor(open, { what: 'the source', timeoutMs: 20_000 });
      await waitFor(() => viewer.pictures.length > 50, { what: 'two seconds of pictures' });
      const { rooms } = await gala.anyone.listLiveRooms({});
      expect(rooms.map(({ hostName }) => hostName)).toEqual([name]);
    }
    await once(source, 'exit');
    const listed = async () => (await gala.anyone.listLiveRooms({})).rooms.length;
    await waitFor(async () => (await listed()) === 0, { what: 'the room to end' });
  });
});
