import { expect, test } from 'vitest';
import { GalaCommand, portsEnv } from '../harness/command.ts';
import { DataFolder } from '../harness/data-folder.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { FlvViewer } from '../harness/flv-viewer.ts';
import { freePort, Gala } from '../harness/gala.ts';
import { Show } from '../harness/show.ts';
import { waitFor } from '../harness/wait.ts';

test('gala run edge serves its own publishers beside gala up, and leaves in good order', async () => {
  await using folder = await DataFolder.make();
  const hold = { GALA_ROOM_HOLD_MS: '3000' };
  await using gala = await Gala.start({ dataFolder: folder.path, env: hold });
  await using show = await Show.start(gala, 'first');
  const [live, rtmp] = [await freePort(), await freePort()];
  const env = { ...portsEnv({ live, rtmp }), ...hold, GALA_DATA: folder.path };
  await using edge = new GalaCommand({ args: ['run', 'edge'], env });
  await waitFor(() => edge.isReady, { what: 'the second edge' });
  expect(edge.lines.at(-1)).toContain(`rtmp://127.0.0.1:${rtmp}/live`);

  const host = await gala.createHost('second');
  const rtmpUrl = `rtmp://127.0.0.1:${rtmp}/live`;
  await using publisher = await FixturePublisher.start({ rtmpUrl, streamKey: host.streamKey });
  await using viewer = await FlvViewer.open(`http://127.0.0.1:${live}/live/@second.flv?latency=realtime`);
  await waitFor(() => viewer.pictures.length > 25, { what: 'a second of pictures' });
  const listed = async () => (await gala.anyone.listLiveRooms({})).rooms.map(({ hostName }) => hostName);
  await waitFor(async () => (await listed()).length === 2, { what: 'both rooms in the list' });

  edge.process.kill('SIGTERM');
  expect(await edge.ended()).toBe(0);
  await waitFor(() => publisher.isClosed && viewer.isEnded, { what: 'its connections to be closed' });

  // Its rooms are held, so that their publishers may go on at another edge, and end when nobody comes.
  const state = async () => (await gala.anyone.enterRoom({ roomRef: '@second' })).room.state;
  await waitFor(async () => (await state()) === 'hold', { what: 'its room to be held' });
  await waitFor(async () => (await state()) === 'ended', { what: 'its room to end' });
  await waitFor(async () => (await listed()).join() === 'first', { what: 'its room to leave the list' });
  expect(show.publisher.isClosed).toBe(false);
  expect(edge.output).not.toMatch(/exit by force|"level":(50|60)/);
});
