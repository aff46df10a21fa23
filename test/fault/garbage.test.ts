import { expect, test } from 'vitest';
import { noise, sendGarbage, tlsHello, type GarbageOptions } from '../harness/garbage.ts';
import { freePort, Gala } from '../harness/gala.ts';
import { Show, stallMs } from '../harness/show.ts';

/** Longest life of a connection that never says anything sensible, by its listener's limits and one look more. */
const boundMs = { http: 12_000, rtmp: 6_000, rpc: 12_000 };

const portOf = (url: string): number => Number(new URL(url).port);

test('garbage on any port is closed within its bound and counted, and the show goes on', async () => {
  const rpcPort = await freePort();
  await using gala = await Gala.start({ env: { GALA_RPC_PORT: String(rpcPort) } });
  await using show = await Show.start(gala, 'unmoved');
  const sinceMs = performance.now();
  const targets = [
    { name: 'web', port: portOf(gala.webUrl), withinMs: boundMs.http },
    { name: 'live', port: portOf(gala.liveUrl), withinMs: boundMs.http },
    { name: 'admin', port: portOf(gala.adminUrl), withinMs: boundMs.http },
    { name: 'rtmp', port: gala.rtmpPort, withinMs: boundMs.rtmp },
    { name: 'rpc', port: rpcPort, withinMs: boundMs.rpc },
  ];
  const tries = targets.flatMap((target) => kinds(target).map((kind) => ({ ...target, ...kind })));
  const outcomes = await Promise.all(
    tries.map(async (each) => ({ ...each, ...(await sendGarbage(each.options)) })),
  );
  const open = outcomes.filter(({ closedMs }) => closedMs === undefined);
  expect(open.map(({ name, kind }) => `${name}: ${kind}`)).toEqual([]);
  for (const name of ['web', 'live', 'admin']) {
    const counted = await gala.metric(`gala_http_${name}_client_errors_total`);
    expect(counted, name).toBeGreaterThanOrEqual(kinds(targets[0]).length);
  }
  const ended = await gala.metric('gala_rtmp_ended');
  expect(ended).toBeGreaterThanOrEqual(kinds(targets[0]).length);
  expect(await show.room(gala)).toMatchObject({ state: 'live' });
  expect(show.viewer.gapMsMax(sinceMs)).toBeLessThan(stallMs);
  expect((await gala.processes()).filter(({ restarts }) => restarts > 0)).toEqual([]);
});

function kinds({ port, withinMs }: Pick<GarbageOptions, 'port' | 'withinMs'>) {
  const trickle = Buffer.from('GET / HTTP/1.1\r\nHost: gala\r\nX-Long: ');
  return [
    { kind: 'silence', options: { port, withinMs } },
    { kind: 'one byte', options: { port, withinMs, bytes: Buffer.of(3) } },
    { kind: 'a slow header', options: { port, withinMs, trickle } },
    { kind: 'a TLS hello', options: { port, withinMs, bytes: tlsHello() } },
    ...[1, 2, 3, 4, 5].map((seed) => ({
      kind: `noise ${seed}`,
      options: { port, withinMs, bytes: noise(seed, seed * 20_000) },
    })),
    { kind: 'noise behind a request', options: { port, withinMs, bytes: afterRequest() } },
  ];
}

function afterRequest(): Buffer {
  return Buffer.concat([Buffer.from('GET /nothing HTTP/1.1\r\nHost: gala\r\n\r\n'), noise(9, 4_000)]);
}
