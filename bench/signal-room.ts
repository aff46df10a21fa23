/**
 * Promise bench: one room with 10,000 connections to which 2,000 signals a second are offered: what became of each in
 * each tier, as every sampled client has it and as the owner counted it. Control (comments taken back) and money
 * (gifts of a service) go through the event log before they are answered.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { signalClasses, type SignalClass, type Tier } from '@gala/protocol/signals';
import { buildLoad, type ViewerReport } from './load.ts';
import { formatNumber, printChecks, table, type Check } from './measure.ts';
import { startGalaRoom, type RunningGalaRoom } from './peers/gala-room.ts';
import { loadCore, run } from './process.ts';
import { viewRoom } from './room-load.ts';
import { RoomClient, type Account } from './room-sample.ts';
import { speak, type Said } from './room-speech.ts';
import { readHello } from './room-stamp.ts';

const usage = `npm run bench -- signal-room [options]
  --viewers N    connections (10000; quick: 300)
  --seconds N    how long is spoken (30; quick: 4)
  --quick        small load, to see that it works; promises are shown but not judged`;

/** Clients that check every batch, by the tier that they ask for. */
const sampled = { full: 8, reduced: 2, minimal: 2 } as const;
const sampledTiers = Object.keys(sampled) as (keyof typeof sampled)[];
const p99MsMax = 250;
/** Spoken before latencies count, and after the viewers' window: until they have it all nobody goes. */
const warmUpSeconds = 5;
const tailSeconds = 1;
/** Connections may say 16 KB a second, and devices some ten likes: so many guests that none is near it after a stall. */
const speakers = { hosts: 31, guests: 250, giftConnections: 10 };

export async function main(args: readonly string[]): Promise<number> {
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { viewers: { type: 'string' }, seconds: { type: 'string' }, quick: flag, help: flag },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const viewers = Number(values.viewers ?? (values.quick ? 300 : 10_000));
  const seconds = Number(values.seconds ?? (values.quick ? 4 : 30));
  const found = await measure(viewers, seconds);
  const broken = print(found);
  return broken && !values.quick ? 1 : 0;
}

interface Found extends Said {
  readonly report: ViewerReport;
  readonly samples: readonly RoomClient[];
  /** What the owner of the room counted. */
  readonly owner: OwnerCounts;
  /** From when latencies count, by `performance.now`. */
  readonly measuringAtMs: number;
}

/** By tier and class. */
type OwnerCounts = (tier: Tier, name: SignalClass) => Account;

async function measure(viewers: number, seconds: number): Promise<Found> {
  const load = await buildLoad();
  await run('taskset', ['-cp', loadCore, String(process.pid)]);
  // What serves and what speaks and hears share the whole machine: nothing is compared here.
  const running = await startGalaRoom({ core: '0,1' });
  let measuringAtMs = Infinity;
  try {
    const { view, server, room } = running;
    const { samples, hosts, guests, before } = await openClients(running);
    const operatorToken = await server.operatorToken();
    const service = { port: server.ports.web, roomId: room.roomId, operatorToken };
    const speaking = Promise.withResolvers<Said>();
    const gifts = { ...service, connections: speakers.giftConnections };
    const talk = { hosts, guests, seconds: warmUpSeconds + seconds - tailSeconds, service: gifts };
    const report = await viewRoom(load, {
      target: view,
      viewers,
      joinsPerSecond: Math.max(500, viewers / 10),
      warmUpSeconds,
      seconds,
      onJoined: () => void speak(talk).then(speaking.resolve, speaking.reject),
      onMeasuring: () => void (measuringAtMs = performance.now()),
      onMeasured: () => undefined,
    });
    const said = await speaking.promise;
    await untilQuiet(samples);
    const after = ownerCounts(await server.metrics());
    const owner: OwnerCounts = (...of) => difference(after(...of), before(...of));
    for (const client of [...samples, ...hosts, ...guests]) client[Symbol.dispose]();
    return { report, samples, owner, measuringAtMs, ...said };
  } finally {
    await running.stop();
  }
}

/** The samples first: nothing is said before all of them are in their tier. */
async function openClients({ view, offer, room, server }: RunningGalaRoom) {
  await room.letGuestsSpeak();
  const url = `ws://127.0.0.1:${view.port}${view.path}`;
  const ticket = await readHello(view.hellos ?? '');
  const samples = await Promise.all(
    sampledTiers.flatMap((tier) =>
      Array.from({ length: sampled[tier] }, (_, index) =>
        RoomClient.open({ url, ticket, tier, json: index % 2 === 0 }),
      ),
    ),
  );
  const before = ownerCounts(await server.metrics());
  const hostTicket = await readHello(offer.hellos ?? '');
  const hosts = await openAll(speakers.hosts, () => RoomClient.open({ url, ticket: hostTicket }));
  const guests = await openAll(speakers.guests, async (index) =>
    RoomClient.open({ url, ticket: await room.ticketOf('viewer', `guest-${index}`) }),
  );
  return { samples, hosts, guests, before };
}

function openAll(count: number, open: (index: number) => Promise<RoomClient>): Promise<RoomClient[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => open(index)));
}

/** A second without a batch at any of them. */
async function untilQuiet(samples: readonly RoomClient[]): Promise<void> {
  const count = (): number => samples.reduce((sum, { ledger }) => sum + ledger.batches, 0);
  for (let before = -1, tries = 0; before !== count() && tries < 30; tries++) {
    before = count();
    await delay(1000);
  }
}

function ownerCounts(metrics: string): OwnerCounts {
  const lines = metrics
    .split('\n')
    .filter((line) => line.startsWith('gala_interaction_tick_signals_total{'))
    .map((line) => ({
      labels: Object.fromEntries(
        [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, text]) => [name, text]),
      ),
      value: Number(
        line
          .slice(line.lastIndexOf('}') + 1)
          .trim()
          .split(' ', 1)[0],
      ),
    }));
  return (tier, name) => {
    const sum = (outcome: string): number =>
      lines
        .filter(({ labels }) => labels.tier === tier && labels.class === name && labels.outcome === outcome)
        .reduce((total, { value }) => total + value, 0);
    const [delivered, merged, shed] = [sum('shown'), sum('merged'), sum('shed')];
    return { offered: delivered + merged + shed, delivered, merged, shed };
  };
}

/** Prints what was found; true when a promise is broken. */
function print(found: Found): boolean {
  const { report, gifts } = found;
  const header = ['tier', 'class', 'taken', 'offered', 'delivered', 'merged', 'shed'];
  console.log(
    table(
      header,
      sampledTiers.flatMap((tier) => rowsOf(tier, found)),
    ),
  );
  console.log(
    `\n${report.viewers} viewers, ${formatNumber(report.frames / report.seconds, 0)} comments/s received by all, ` +
      `${gifts.reduce((sum, { again }) => sum + again, 0)} gifts said again after a 503, ` +
      `client ${report.cpuPercent.toFixed(0)} % of its core`,
  );
  return printChecks(checksOf(found));
}

function rowsOf(tier: keyof typeof sampled, { accepted, samples }: Found): string[][] {
  const [first] = samples.filter(({ ledger }) => ledger.tier === tier);
  return signalClasses.flatMap((name) => {
    const { offered, delivered, merged, shed } = first.ledger.accounts[name];
    if (offered === 0 && accepted[name].offered === 0) return [];
    const numbers = [accepted[name].offered, offered, delivered, merged, shed];
    return [[tier, name, ...numbers.map((each) => formatNumber(each, 0))]];
  });
}

function checksOf(found: Found): Check[] {
  const { report, refused, accepted, samples, owner, retracted } = found;
  const every = (isTrue: (ledger: RoomClient['ledger']) => boolean): boolean =>
    samples.every(({ ledger }) => isTrue(ledger));
  const control = spreadMs(found, (key) => !key.startsWith('gift-'));
  const money = spreadMs(found, (key) => key.startsWith('gift-'));
  return [
    ['nothing was refused', refused === 0],
    [
      `all ${report.viewers} viewers joined and stayed`,
      report.joined === report.viewers && report.closed === 0,
    ],
    [
      'all that was taken was offered, each once, in each tier',
      every(({ accounts }) =>
        (['control', 'money', 'host', 'member', 'ambient'] as const).every(
          (name) => accounts[name].offered === accepted[name].offered,
        ),
      ),
    ],
    ['offered = delivered + merged + shed', every((ledger) => ledger.unbalanced().length === 0)],
    [
      `${samples.length} sampled clients of ${sampledTiers.length} tiers have what the owner counted`,
      every(({ tier, accounts }) => signalClasses.every((name) => isSame(accounts[name], owner(tier, name)))),
    ],
    ['no gap, and each in its tier', every(({ gaps, strayed }) => gaps === 0 && strayed === 0)],
    [
      `${retracted.length} control and ${accepted.money.offered} money signals complete and in order at each`,
      every(({ durables }) =>
        isComplete(
          durables.map(({ key }) => key),
          found,
        ),
      ),
    ],
    [
      `from saying to the sampled clients, control: ${control.text}; money: ${money.text} (<= ${p99MsMax})`,
      Math.max(control.p99Ms, money.p99Ms) <= p99MsMax,
    ],
    [
      `comments: p99 ${report.latencyMsP99.toFixed(1)} ms to all viewers (<= ${p99MsMax})`,
      report.latencyMsP99 <= p99MsMax,
    ],
  ];
}

function difference(after: Account, before: Account): Account {
  return {
    offered: after.offered - before.offered,
    delivered: after.delivered - before.delivered,
    merged: after.merged - before.merged,
    shed: after.shed - before.shed,
  };
}

function isSame(one: Account, other: Account): boolean {
  return (['offered', 'delivered', 'merged', 'shed'] as const).every((each) => one[each] === other[each]);
}

/** One order for all, in which control and each connection's gifts have the order of their saying, and nothing else. */
function isComplete(keys: readonly string[], { samples, retracted, gifts }: Found): boolean {
  const [{ ledger: first }] = samples;
  const lines = [retracted, ...gifts.map(({ accepted }) => accepted)];
  return (
    isEqual(
      keys,
      first.durables.map(({ key }) => key),
    ) &&
    keys.length === lines.reduce((sum, line) => sum + line.length, 0) &&
    lines.every((line) => {
      const wanted = new Set(line);
      return isEqual(
        keys.filter((key) => wanted.has(key)),
        line,
      );
    })
  );
}

function isEqual(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((each, index) => each === other[index]);
}

/** Of control or money, whichever the keys are of. */
function spreadMs({ samples, saidAtMs, measuringAtMs }: Found, isOf: (key: string) => boolean) {
  const saidAt = (key: string): number => saidAtMs.get(key) ?? Number.NaN;
  const sorted = samples
    .flatMap(({ ledger }) => ledger.durables.filter(({ key }) => isOf(key) && saidAt(key) >= measuringAtMs))
    .map(({ key, atMs }) => atMs - saidAt(key))
    .toSorted((a, b) => a - b);
  const quantileMs = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  const p99Ms = quantileMs(0.99);
  return { p99Ms, text: `p50 ${quantileMs(0.5).toFixed(1)}, p99 ${p99Ms.toFixed(1)} ms` };
}
