import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser, readWatch, watchVideo } from '../harness/browser.ts';
import { GalaCommand } from '../harness/command.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { Fleet } from '../harness/fleet.ts';
import { FlvViewer } from '../harness/flv-viewer.ts';
import type { TestHost } from '../harness/gala.ts';
import { stallMs } from '../harness/show.ts';
import { startEdges } from '../harness/two-edges.ts';
import { waitFor } from '../harness/wait.ts';

const engines = [
  'ffmpeg',
  'chromium',
  'redis-server',
  'redis-sentinel',
  'nutcracker',
  'memcached',
  'etcd',
  'java',
  'mvn',
] as const;
const faults = 7;
/** Addresses of engines that the sample names. */
const addresses = 15;
const leaseMs = 3500;

interface Seen {
  readonly fault: string;
  readonly watched: string;
  readonly joined: string;
  readonly joinedAfar: string;
  readonly listed: string;
  readonly began: string;
  readonly promise: string;
}

/**
 * Goal: on the engines of `deploy/fleet.yaml` everything works as on the embedded default, and the death of each
 * engine leaves the core path alone. Method: two hosts, ffmpeg, Chromium; each engine is killed in turn.
 */
describeWithEngines('a fleet', engines, () => {
  let fleet: Fleet;
  let edges: Awaited<ReturnType<typeof startEdges>>;
  let browser: Browser;
  let alice: TestHost;
  let spares: TestHost[];
  let publisher: FfmpegPublisher;
  const table: Seen[] = [];

  beforeAll(async () => {
    [fleet, browser] = await Promise.all([Fleet.start(), launchBrowser()]);
    edges = await startEdges({ env: { ...fleet.env, GALA_ROOM_HOLD_MS: '2000' } });
    alice = await edges.gala.createHost('alice');
    spares = await Promise.all(Array.from({ length: faults }, (_, n) => edges.gala.createHost(`spare${n}`)));
  }, 180_000);
  afterAll(async () => {
    console.table(table);
    await publisher?.[Symbol.asyncDispose]();
    await browser?.close();
    await edges?.[Symbol.asyncDispose]();
    await fleet?.[Symbol.asyncDispose]();
  }, 60_000);

  test('gala doctor and each process reach every engine', async () => {
    const { gala } = edges;
    await using doctor = new GalaCommand({
      args: ['doctor'],
      env: { ...fleet.env, GALA_DATA: gala.dataFolder },
    });
    await doctor.ended();
    const lines = doctor.lines.filter((line) =>
      /etcd at|sentinel at|twemproxy at|memcached at|kafka at/.test(line),
    );
    expect(lines).toHaveLength(addresses);
    expect(lines.every((line) => /^ok .* answers in \d+ ms$/.test(line))).toBe(true);
    for (const { name } of await gala.processes()) {
      const { ready, engines: found } = await readinessOf(gala.adminUrl, name);
      expect([ready, found.map(({ up }) => up)]).toEqual([true, Array(addresses).fill(true)]);
    }
  });

  test('ffmpeg publishes at one host, the page lists the room, Chromium and a viewer of the other host play', async () => {
    const { gala, second } = edges;
    publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey: alice.streamKey });
    await waitFor(async () => (await liveNames()).includes('alice'), { what: 'the room in the list' });
    const page = await browser.newPage();
    await watchVideo(page);
    await page.goto(gala.webUrl);
    await page.locator('[data-testid="room-card"]', { hasText: 'alice' }).click();
    await waitFor(async () => (await readWatch(page)).frames > 10, { what: 'pictures', timeoutMs: 20_000 });
    await page.close();
    await using viewer = await FlvViewer.open(`${second.liveUrl}/live/@alice.flv`);
    await waitFor(() => viewer.pictures.length > 25, { what: 'pictures over the second edge' });
  });

  const liveNames = async (): Promise<string[]> =>
    (await edges.gala.anyone.listLiveRooms({})).rooms.map(({ hostName }) => hostName);

  const isSharedEverywhere = async (): Promise<boolean> =>
    (await edges.gala.metric('gala_collections_up')) === (await edges.gala.processes()).length;

  /** A viewer of the other host, whose edge relays the room. */
  const joinsAfar = async (): Promise<string> => {
    const beganMs = performance.now();
    await using viewer = await FlvViewer.open(`${edges.second.liveUrl}/live/@alice.flv?latency=realtime`);
    await waitFor(() => viewer.pictures.length > 0, { what: 'a picture over the other host' });
    return inMs(performance.now() - beganMs);
  };

  /** A viewer watches on while it happens; then another joins, the list is read and another host begins. */
  const survives = async (fault: string, promise: string, happen: () => Promise<unknown>): Promise<void> => {
    const { gala } = edges;
    const host = spares[table.length];
    await using watching = await FlvViewer.open(`${gala.liveUrl}/live/@alice.flv?latency=realtime`);
    await waitFor(() => watching.pictures.length > 10, { what: 'pictures before it' });
    const sinceMs = performance.now();
    await happen();
    const joinedMs = await timed(async () => {
      await using joining = await FlvViewer.open(`${gala.liveUrl}/live/@alice.flv?latency=realtime`);
      await waitFor(() => joining.pictures.length > 0, { what: 'a picture for who joins' });
    });
    const joinedAfar = await joinsAfar();
    const beganMs = await timed(async () => {
      const { streamKey } = host;
      await using other = await FixturePublisher.start({ rtmpUrl: gala.rtmpUrl, streamKey });
      await waitFor(async () => (await liveNames()).includes(host.name), { what: 'its room in the list' });
      expect(other.isClosed).toBe(false);
    });
    const listedMs = await timed(async () => expect(await liveNames()).toContain('alice'));
    const gapMs = watching.gapMsMax(sinceMs);
    const row = { watched: `gap ${inMs(gapMs)}`, joined: inMs(joinedMs), joinedAfar, listed: inMs(listedMs) };
    table.push({ fault, ...row, began: inMs(beganMs), promise });
    expect(gapMs).toBeLessThan(stallMs);
    expect(publisher.running).toBe(true);
    for (const { name } of await gala.processes()) {
      expect((await readinessOf(gala.adminUrl, name)).ready).toBe(true);
    }
  };

  test('one Memcached of each cluster is killed', async () => {
    const [first, , third] = fleet.memcacheds;
    await survives('memcached: one of two in both clusters', 'nothing is noticed', () =>
      Promise.all([first.kill(), third.kill()]),
    );
  });

  test('all of Memcached is killed', async () => {
    await survives('memcached: all', 'answers come from the source', () =>
      Promise.all(fleet.memcacheds.map((node) => node.kill())),
    );
  });

  test('a master of Redis is killed, and Sentinel and the proxies follow', async () => {
    const master = await fleet.redis.masterOf('shard-1');
    await survives('redis: a master', 'shared data pauses', () => master.kill());
    await waitFor(async () => (await fleet.redis.masterOf('shard-1')) !== master, {
      what: 'another master',
      timeoutMs: 15_000,
    });
    await waitFor(isSharedEverywhere, {
      what: 'shared data in all processes',
      timeoutMs: 15_000,
    });
  });

  test('Redis, its sentinels and the proxies are all killed', async () => {
    await survives(
      'redis: all, with sentinels and proxies',
      'shared data is away, the rest goes on',
      async () => {
        fleet.proxies.process.kill('SIGTERM');
        await fleet.proxies.ended();
        const servers = ['shard-1', 'shard-2'].flatMap((name) => fleet.redis.serversOf(name));
        await Promise.all([...servers, ...fleet.redis.sentinels].map((each) => each.kill()));
      },
    );
  });

  test('Kafka is killed', async () => {
    await survives('kafka: all', 'the change feed stands still', () =>
      Promise.all(fleet.kafka.brokers.map((broker) => broker.kill())),
    );
  });

  test('the leader of etcd is killed', async () => {
    await survives('etcd: the leader of three', 'no lease is lost', async () =>
      (await fleet.etcd.leader()).kill(),
    );
  });

  test('all of etcd is killed: leases end, views stay', async () => {
    await survives('etcd: all, for longer than a lease lives', 'leases end, views stay', async () => {
      await Promise.all(fleet.etcd.members.map((member) => member.kill()));
      await elapse(leaseMs);
    });
    expect(await edges.gala.metric('gala_coord_up')).toBe(0);
  });

  test('the end of the show: held while coordination is away, ended when it is back', async () => {
    const { gala } = edges;
    const { room } = await gala.anyone.enterRoom({ roomRef: '@alice' });
    await publisher.stop();
    const state = async () => (await gala.anyone.getRoom({ roomId: room.roomId })).room.state;
    await waitFor(async () => (await state()) === 'hold', { what: 'hold' });
    await Promise.all(fleet.etcd.members.map((member) => member.start()));
    await waitFor(async () => (await state()) === 'ended', { what: 'the end', timeoutMs: 20_000 });
    await waitFor(async () => !(await liveNames()).includes('alice'), { what: 'the room to leave the list' });
  });
});

interface Readiness {
  readonly ready: boolean;
  readonly engines: readonly { readonly engine: string; readonly up: boolean }[];
}

async function readinessOf(adminUrl: string, processName: string): Promise<Readiness> {
  return (await fetch(`${adminUrl}/processes/${processName}/ready`)).json() as Promise<Readiness>;
}

/** Time itself is the condition: what must not happen is given the time to happen. */
function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}

function inMs(ms: number): string {
  return `${Math.round(ms)} ms`;
}
