/**
 * Promise bench: one room with 10,000 connections to which 2,000 signals a second are said: what became of each, as
 * every sampled client has it. Control signals (comments taken back) go through the event log before they are answered.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { signalClasses } from '@gala/protocol/signals';
import { buildLoad, type ViewerReport } from './load.ts';
import { formatNumber, table } from './measure.ts';
import { galaRoom } from './peers/gala-room.ts';
import { loadCore, run } from './process.ts';
import { viewRoom } from './room-load.ts';
import { noAccounts, RoomClient, type Accounts } from './room-sample.ts';
import { readHello, signalStamp } from './room-stamp.ts';

const usage = `npm run bench -- signal-room [options]
  --viewers N    connections (10000; quick: 300)
  --seconds N    how long is spoken (30; quick: 4)
  --quick        small load, to see that it works; promises are shown but not judged`;

/**
 * A second, of each kind: likes are ambient, what the host says is host, what he takes back is control. Likes are
 * counted by the tick before they are offered, and no more of a device than a hand can do, so that offered is less than
 * taken there.
 */
const rates = { like: 1000, comment: 900, retract: 100 } as const;
const sampled = 20;
const p99MsMax = 250;
/** Connections may say 16 KB a second; the first host takes back what the others said. */
const speakers = { hosts: 31, guests: 20 };
/** Signals are said in steps of so many ms, those of a step evenly over the senders. */
const stepMs = 10;

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

interface Found {
  readonly report: ViewerReport;
  readonly accepted: Accounts;
  readonly refused: number;
  readonly retracted: readonly string[];
  readonly samples: readonly RoomClient[];
}

async function measure(viewers: number, seconds: number): Promise<Found> {
  const load = await buildLoad();
  await run('taskset', ['-cp', loadCore, String(process.pid)]);
  const server = await galaRoom().start();
  try {
    const url = `ws://127.0.0.1:${server.view.port}${server.view.path}`;
    const ticket = await readHello(server.view.hellos ?? '');
    const hostTicket = await readHello(server.offer.hellos ?? '');
    const samples = await openAll(sampled, (index) => ({ url, ticket, json: index % 2 === 0 }));
    const hosts = await openAll(speakers.hosts, () => ({ url, ticket: hostTicket }));
    const guests = await openAll(speakers.guests, () => ({ url, ticket }));
    const speaking = Promise.withResolvers<Said>();
    const joinsPerSecond = Math.max(500, viewers / 10);
    const report = await viewRoom(load, {
      target: server.view,
      viewers,
      joinsPerSecond,
      warmUpSeconds: 3,
      seconds: seconds - 1,
      onMeasuring: () => void speak({ hosts, guests, seconds }).then(speaking.resolve, speaking.reject),
      onMeasured: () => undefined,
    });
    const said = await speaking.promise;
    await untilQuiet(samples);
    for (const client of [...samples, ...hosts, ...guests]) client[Symbol.dispose]();
    return { report, samples, ...said };
  } finally {
    await server.stop();
  }
}

function openAll(
  count: number,
  opening: (index: number) => Parameters<typeof RoomClient.open>[0],
): Promise<RoomClient[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => RoomClient.open(opening(index))));
}

interface Speakers {
  readonly hosts: readonly RoomClient[];
  readonly guests: readonly RoomClient[];
  readonly seconds: number;
}

type Said = Pick<Found, 'accepted' | 'refused' | 'retracted'>;

/** Says everything at its rate, and answers what was taken once everything is answered. */
async function speak({ hosts, guests, seconds }: Speakers): Promise<Said> {
  const accepted = noAccounts();
  const retracted: string[] = [];
  /** Comments that may be taken back. */
  const shown: string[] = [];
  const open = { waiting: 0 };
  let refused = 0;
  const [retractor, ...commenters] = hosts;
  const takenBack: string[] = [];
  const count = (clients: readonly RoomClient[], taken: (signalId: string) => void): void => {
    for (const client of clients) {
      client.onReply = (code, signalId) => {
        open.waiting--;
        if (code === '') taken(signalId);
        else if (refused++ === 0) console.error(`refused: ${code}`);
      };
    }
  };
  count(guests, () => accepted.ambient.offered++);
  count(commenters, (signalId) => {
    accepted.host.offered++;
    shown.push(signalId);
  });
  count([retractor], () => {
    accepted.control.offered++;
    retracted.push(takenBack[retracted.length]);
  });
  const beganAtMs = performance.now();
  for (let step = 1, said = 0; step <= (seconds * 1000) / stepMs; step++) {
    await delay(Math.max(0, beganAtMs + step * stepMs - performance.now()));
    for (let like = 0; like < (rates.like * stepMs) / 1000; like++, said++) {
      guests[said % guests.length].say({ type: 'like', count: 1 });
    }
    for (let comment = 0; comment < (rates.comment * stepMs) / 1000; comment++, said++) {
      commenters[said % commenters.length].say({ type: 'comment', text: signalStamp(said) });
    }
    open.waiting += ((rates.like + rates.comment) * stepMs) / 1000;
    const signalId = shown.shift();
    if (signalId === undefined) continue;
    takenBack.push(signalId);
    retractor.say({ type: 'retract', signalId });
    open.waiting++;
  }
  for (let tries = 0; open.waiting > 0 && tries < 100; tries++) await delay(100);
  return { accepted, refused: refused + open.waiting, retracted };
}

/** A second without a batch at any of them. */
async function untilQuiet(samples: readonly RoomClient[]): Promise<void> {
  const count = (): number => samples.reduce((sum, { ledger }) => sum + ledger.batches, 0);
  for (let before = -1, tries = 0; before !== count() && tries < 30; tries++) {
    before = count();
    await delay(1000);
  }
}

/** Prints what was found; true when a promise is broken. */
function print({ report, accepted, refused, retracted, samples }: Found): boolean {
  const [first] = samples;
  const rows = signalClasses.flatMap((name) => {
    const { offered, delivered, merged, shed } = first.ledger.accounts[name];
    if (offered === 0 && accepted[name].offered === 0) return [];
    return [
      [
        name,
        ...[accepted[name].offered, offered, delivered, merged, shed].map((each) => formatNumber(each, 0)),
      ],
    ];
  });
  console.log(table(['class', 'taken', 'offered', 'delivered', 'merged', 'shed'], rows));
  const key = JSON.stringify(first.ledger.accounts);
  const isDurable = (order: readonly string[]): boolean =>
    JSON.stringify(order) === JSON.stringify(retracted);
  const checks: [string, boolean][] = [
    ['nothing was refused', refused === 0],
    [
      `all ${report.viewers} viewers joined and stayed`,
      report.joined === report.viewers && report.closed === 0,
    ],
    [
      'what the host said and took back was offered, each once',
      (['host', 'control'] as const).every(
        (name) => first.ledger.accounts[name].offered === accepted[name].offered,
      ),
    ],
    ['offered = delivered + merged + shed', samples.every(({ ledger }) => ledger.unbalanced().length === 0)],
    [
      `${samples.length} sampled clients agree`,
      samples.every(({ ledger }) => JSON.stringify(ledger.accounts) === key),
    ],
    ['no gap, no lower tier', samples.every(({ ledger }) => ledger.gaps === 0 && ledger.lowered === 0)],
    [
      `${retracted.length} control signals complete and in order`,
      samples.every(({ ledger }) => isDurable(ledger.retracted)),
    ],
    [`p99 ${report.latencyMsP99.toFixed(1)} ms (<= ${p99MsMax})`, report.latencyMsP99 <= p99MsMax],
  ];
  console.log(
    `\n${report.viewers} viewers, ${formatNumber(report.frames / report.seconds, 0)} comments/s received by all, ` +
      `client ${report.cpuPercent.toFixed(0)} % of its core`,
  );
  for (const [what, isKept] of checks) console.log(`${isKept ? 'kept' : 'BROKEN'}: ${what}`);
  return checks.some(([, isKept]) => !isKept);
}
