import { expect, test } from 'vitest';
import { GalaCommand } from '../harness/command.ts';
import { DataFolder } from '../harness/data-folder.ts';
import { Gala } from '../harness/gala.ts';
import { groupOf, kill } from '../harness/processes.ts';
import { Show } from '../harness/show.ts';
import { waitFor } from '../harness/wait.ts';

const anyPorts = Object.fromEntries(
  ['HTTP', 'LIVE', 'RTMP', 'ADMIN'].map((name) => [`GALA_${name}_PORT`, '0']),
);

test('SIGINT to the supervisor leaves no process, with a show and the demo on air', async () => {
  await using folder = await DataFolder.makeEmpty();
  await using gala = await Gala.start({ dataFolder: folder.path, args: [] });
  await using show = await Show.start(gala, 'encore');
  const onAir = (line: string) => line.includes('the demo is on air');
  await waitFor(() => gala.lines.some(onAir), { timeoutMs: 20_000, what: 'the demo' });
  await gala.stop('SIGINT');
  expect(folder.processes()).toEqual([]);
  expect(gala.exitCode).toBe(0);
  expect(gala.lines.join('\n')).not.toMatch(/exit by force|SIGKILL|hurrying/);
  await waitFor(() => show.publisher.isClosed && show.viewer.isEnded, { what: 'the show to be closed' });
});

test('Ctrl-C on a terminal reaches all processes at once, and npm repeats it: one stop, nothing left', async () => {
  await using folder = await DataFolder.make();
  await using gala = await Gala.start({ dataFolder: folder.path });
  await using show = await Show.start(gala, 'finale');
  const group = folder.processes().filter(({ pid }) => groupOf(pid) === groupOf(gala.pid));
  expect(group.map(({ command }) => command).join()).not.toContain('postgres');
  // The one that makes covers may have come already.
  expect(group.filter(({ command }) => !command.includes('cover.js'))).toHaveLength(4);
  const stopped = gala.stop('SIGINT');
  kill(
    group.map(({ pid }) => pid),
    'SIGINT',
  );
  await stopped;
  expect(folder.processes()).toEqual([]);
  expect(gala.exitCode).toBe(0);
  expect(gala.lines.join('\n')).not.toMatch(/hurrying|a process ended/);
  // The stop was in order: the room was held by its edge, and a quick restart takes the publisher back into it.
  await using next = await Gala.start({ dataFolder: folder.path });
  expect(await show.room(next)).toMatchObject({ state: 'hold' });
  await using back = await Show.resume(next, show.host);
  expect(back.roomId).toBe(show.roomId);
});

test('Ctrl-C in the middle of a start leaves no process', async () => {
  await using folder = await DataFolder.makeEmpty();
  const env = { ...anyPorts, GALA_DATA: folder.path };
  for (const moment of ['initdb', 'database ready']) {
    await using command = new GalaCommand({ args: ['up', '--no-demo'], env });
    const begun = () => folder.databaseProcesses().length > 0 || command.output.includes('database ready');
    const reached = () => (moment === 'initdb' ? begun() : command.output.includes(moment));
    await waitFor(reached, { everyMs: 5, timeoutMs: 60_000, what: moment });
    command.process.kill('SIGINT');
    expect(await command.ended()).toBe(0);
    expect(folder.processes()).toEqual([]);
  }
});
