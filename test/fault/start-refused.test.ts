import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GalaCommand, portsEnv } from '../harness/command.ts';
import { DataFolder } from '../harness/data-folder.ts';
import { freePort, Gala } from '../harness/gala.ts';
import { kill } from '../harness/processes.ts';
import { waitFor } from '../harness/wait.ts';

const names = ['http', 'live', 'rtmp', 'admin', 'rpc'] as const;

/** Takes a port until it is disposed. */
async function takePort(wanted = 0): Promise<{ port: number } & AsyncDisposable> {
  const server: Server = createServer((socket) => socket.destroy());
  server.listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

describe('a taken port', () => {
  let folder: DataFolder;
  beforeAll(async () => void (folder = await DataFolder.make()));
  afterAll(() => folder[Symbol.asyncDispose]());

  // One folder for all: the first start makes its databases.
  test.for(names)('%s: ends the start with its number and the setting that changes it', async (name) => {
    await using taken = await takePort();
    const free = { http: 0, live: 0, rtmp: 0, admin: 0 };
    const env = { ...portsEnv({ ...free, [name]: taken.port }), GALA_DATA: folder.path };
    await using command = new GalaCommand({ args: ['up', '--no-demo'], env });
    expect(await command.ended()).toBe(1);
    const said = command.lines.at(-1);
    expect(said).toContain(`127.0.0.1:${taken.port}`);
    expect(said).toContain(`change ${name}.port (GALA_${name.toUpperCase()}_PORT)`);
    expect(said).toContain('[PORT_TAKEN]');
    expect(command.output).not.toMatch(/^\s+at /m);
    expect(folder.processes()).toEqual([]);
  });
});

test('a second gala up on one data folder is refused, and the first does not notice', async () => {
  await using folder = await DataFolder.make();
  await using gala = await Gala.start({ dataFolder: folder.path });
  const before = [await folder.postmasterPid(), ...ownPids(folder)];
  const env = { ...portsEnv({ http: 0, live: 0, rtmp: 0, admin: 0 }), GALA_DATA: folder.path };
  await using second = new GalaCommand({ args: ['up', '--no-demo'], env });
  expect(await second.ended()).toBe(1);
  expect(second.lines).toHaveLength(1);
  expect(second.output).toMatch(/ALREADY_RUNNING/);
  expect(second.output).toContain(String(gala.pid));
  expect([await folder.postmasterPid(), ...ownPids(folder)]).toEqual(before);
  await gala.createHost('undisturbed');
});

test('two starts at once on one data folder: one runs, the other says so', async () => {
  await using folder = await DataFolder.makeEmpty();
  const env = { ...portsEnv({ http: 0, live: 0, rtmp: 0, admin: 0 }), GALA_DATA: folder.path };
  await using first = new GalaCommand({ args: ['up', '--no-demo'], env });
  await using second = new GalaCommand({ args: ['up', '--no-demo'], env });
  const both = [first, second];
  await waitFor(() => both.some(({ isReady }) => isReady) && both.some(({ hasEnded }) => hasEnded), {
    timeoutMs: 90_000,
    what: 'one to run and one to give up',
  });
  const refused = both.find(({ hasEnded }) => hasEnded)!;
  expect(await refused.ended()).toBe(1);
  expect(refused.output).toMatch(/ALREADY_RUNNING|DATA_IN_USE/);
});

test('a crash loop is said with its cause, slows down, and ends when the cause is gone', async () => {
  const rpcPort = await freePort();
  await using gala = await Gala.start({ env: portsEnv({ rpc: rpcPort }) });
  const port = Number(new URL(gala.webUrl).port);
  const frontPid = await gala.pidOf('front');
  kill([frontPid]);
  await using taken = await waitFor(() => takePort(port).catch(() => undefined), { what: 'the port' });
  const loop = () => gala.lines.filter((line) => line.includes('crash loop'));
  await waitFor(() => loop().length > 0, { timeoutMs: 20_000, what: 'the crash loop to be said' });
  expect(loop()[0]).toContain(`change http.port (GALA_HTTP_PORT) [PORT_TAKEN]`);
  const delays = gala.lines.flatMap((line) => /"delayMs":(\d+)/.exec(line)?.[1] ?? []).map(Number);
  expect(delays).toEqual(delays.toSorted((a, b) => a - b));
  expect(delays.at(-1)).toBeGreaterThan(2_000);
  const states = (await gala.processes()).map(({ name, state }) => [name, state]);
  expect(states).toEqual([
    ['front', 'restarting'],
    ['media', 'running'],
    ['back', 'running'],
  ]);
  await taken[Symbol.asyncDispose]();
  const isBack = async () => (await gala.processes())[0].state === 'running';
  await waitFor(isBack, { timeoutMs: 15_000, what: 'front to be back' });
  expect(loop()).toHaveLength(1);
  await gala.createHost('patient');
});

function ownPids(folder: DataFolder): number[] {
  return folder
    .ownProcesses()
    .map(({ pid }) => pid)
    .toSorted((one, other) => one - other);
}
