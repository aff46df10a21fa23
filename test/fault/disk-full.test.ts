import { expect, test } from 'vitest';
import { DataFolder } from '../harness/data-folder.ts';
import { FixturePublisher, refusedPublish } from '../harness/fixture-publisher.ts';
import { Gala } from '../harness/gala.ts';
import { kill } from '../harness/processes.ts';
import { Show } from '../harness/show.ts';
import { waitFor } from '../harness/wait.ts';

/** Every file system is over these bounds. */
const fullDisk = {
  GALA_DISK_USED_PERCENT_MAX: '0',
  GALA_DISK_SPARE_BYTES: String(Number.MAX_SAFE_INTEGER),
};

test('on a full disk the show that ran goes on, and a new one is refused with a clear code', async () => {
  await using folder = await DataFolder.make();
  await using before = await Gala.start({ dataFolder: folder.path });
  await using show = await Show.start(before, 'running');
  const stranger = await before.createHost('stranger');
  expect(await before.metric('gala_disk_full')).toBe(0);
  kill([before.pid]);
  await waitFor(() => show.publisher.isClosed, { what: 'the show to be cut' });

  await using gala = await Gala.start({ dataFolder: folder.path, env: fullDisk });
  const { rtmpUrl } = gala;
  await using back = await Show.resume(gala, show.host);
  expect(back.roomId).toBe(show.roomId);
  const refusal = await refusedPublish({ rtmpUrl, streamKey: stranger.streamKey });
  expect(refusal.error).toMatchObject({ code: 'RTMP_REFUSED', detail: 'NetStream.Publish.Failed' });
  expect(refusal.statuses.at(-1)?.description).toMatch(/^DISK_FULL: /);
  await back.publisher[Symbol.asyncDispose]();
  await using again = await FixturePublisher.start({ rtmpUrl, streamKey: show.host.streamKey });
  expect(again.isClosed).toBe(false);
  expect(await back.room(gala)).toMatchObject({ roomId: show.roomId });
  expect(await gala.metric('gala_disk_full')).toBe(1);
  expect(await gala.metric('gala_disk_used_ratio')).toBeGreaterThan(0);
  expect(gala.lines.filter((line) => line.includes('the disk is nearly full'))).toHaveLength(1);
});
