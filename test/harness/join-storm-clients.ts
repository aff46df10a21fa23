import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the process of `offerJoins` is told, as JSON in its first argument. */
export interface StormOptions {
  readonly port: number;
  readonly joinsPerSecond: number;
  readonly seconds: number;
  /** What is sent at once: the head of the upgrade, and what an admitted client says next. */
  readonly head: string;
  readonly hello: string;
  /** Addresses that the clients have: 127.x.y.1 … */
  readonly addresses: number;
}

/** What it tells in the end. */
export interface StormResult {
  readonly seconds: number;
  readonly offered: number;
  /** By the status of the answer: `101`, `503`; `closed` without any, `unanswered` in the end, `failed` to connect. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** Connections that wait for an answer: what is beyond is not offered, and so not counted as offered. */
const openMax = 9_000;
/** Who has no answer by then goes: the storm goes on as fast when nobody accepts any more. */
const patienceMs = 1_000;
const turnMs = 5;

/** Offers joins at a rate that does not wait for answers; clients that are let in stay until the end. */
async function offerJoins(options: StormOptions): Promise<StormResult> {
  const outcomes: Record<string, number> = {};
  const count = (name: string): void => void (outcomes[name] = (outcomes[name] ?? 0) + 1);
  const startMs = performance.now();
  let offered = 0;
  const waitingSince = new Map<Socket, number>();
  const offer = (): void => {
    const place = offered++ % options.addresses;
    const localAddress = `127.${1 + Math.floor(place / 250)}.${1 + (place % 250)}.1`;
    const socket = connect({ port: options.port, host: '127.0.0.1', localAddress });
    waitingSince.set(socket, performance.now());
    const settle = (name: string): void => {
      if (waitingSince.delete(socket)) count(name);
    };
    socket.on('connect', () => socket.write(options.head));
    socket.on('data', (data: Buffer) => {
      if (!waitingSince.has(socket)) return;
      const status = data.toString('latin1', 9, 12);
      settle(status);
      if (status === '101') socket.write(Buffer.from(options.hello, 'base64'));
      else socket.resetAndDestroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      settle(error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'closed' : (error.code ?? 'failed')),
    );
    socket.on('close', () => settle('closed'));
  };
  const leave = (beforeMs: number): void => {
    for (const [socket, sinceMs] of waitingSince) {
      if (sinceMs > beforeMs) return;
      waitingSince.delete(socket);
      count('unanswered');
      socket.resetAndDestroy();
    }
  };
  for (let lastMs = startMs; lastMs - startMs < options.seconds * 1000; lastMs = performance.now()) {
    const due = Math.floor(((lastMs - startMs) / 1000) * options.joinsPerSecond) - offered;
    for (let left = Math.min(due, 500); left > 0 && waitingSince.size < openMax; left--) offer();
    leave(lastMs - patienceMs);
    await sleep(turnMs);
  }
  const seconds = (performance.now() - startMs) / 1000;
  await sleep(500);
  leave(Infinity);
  return { seconds, offered, outcomes };
}

const result = await offerJoins(JSON.parse(process.argv[2]) as StormOptions);
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
