import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createLogger, type Logger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { contract, type Joined, type ProbeHandlers } from './contract.ts';
import { createRpc, type Rpc, type RpcOptions } from './index.ts';
import { MemoryCoord } from './testing/memory-coord.ts';
import { ProbeService } from './testing/probe_pb.js';

const silent = createLogger({ name: 'test', level: 'silent' });
const group = 'rpc/gala.testing.v1.ProbeService';
let cleanUp: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of cleanUp.toReversed()) await each[Symbol.asyncDispose]();
  cleanUp = [];
});

function processOf(coord: MemoryCoord, options: Partial<RpcOptions> = {}): Rpc & AsyncDisposable {
  const metrics = createMetrics('test');
  const rpc = createRpc({
    memberId: crypto.randomUUID(),
    coord,
    clusterToken: 'cluster token',
    advertiseHost: '127.0.0.1',
    listenHost: '127.0.0.1',
    port: 0,
    portSetting: 'rpc.port (GALA_RPC_PORT)',
    logger: silent,
    metrics,
    ...options,
  });
  cleanUp.push(rpc);
  return rpc;
}

async function joinInProcess(handlers: ProbeHandlers, logger: Logger): Promise<Joined> {
  const rpc = processOf(new MemoryCoord(), { logger, memberId: 'callee' });
  await rpc.serve(ProbeService, handlers);
  return joined(rpc, () => rpc[Symbol.asyncDispose]());
}

function joined(caller: Rpc, dispose: () => PromiseLike<void>): Joined {
  const members = () => caller.members(ProbeService);
  return { client: caller.client(ProbeService), callee: 'callee', members, [Symbol.asyncDispose]: dispose };
}

async function joinByGrpc(handlers: ProbeHandlers, logger: Logger): Promise<Joined> {
  const coord = new MemoryCoord();
  const [callee, caller] = [processOf(coord, { logger, memberId: 'callee' }), processOf(coord)];
  await callee.serve(ProbeService, handlers);
  const stack = new AsyncDisposableStack();
  stack.use(callee);
  stack.use(caller);
  return joined(caller, () => stack.disposeAsync());
}

contract('in process', joinInProcess);
contract('by gRPC', joinByGrpc);

const answering = (text: string): ProbeHandlers => ({
  echo: async () => ({ text }),
  count: async function* () {
    yield { text };
  },
});

async function addressOf(coord: MemoryCoord): Promise<{ host: string; port: number }> {
  const [member] = [...coord.list(group)];
  const [host, port] = member.data.address.split(':');
  return { host, port: Number(port) };
}

test('a call without the token of the cluster is refused, and no handler sees it', async () => {
  const coord = new MemoryCoord();
  let calls = 0;
  await processOf(coord).serve(ProbeService, {
    ...answering('a'),
    echo: async () => ({ number: BigInt(++calls) }),
  });
  const stranger = processOf(coord, { clusterToken: 'guessed' }).client(ProbeService);
  await expect(stranger.echo({})).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await expect(stranger.count({})[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  });
  expect(calls).toBe(0);
});

test('several members share the calls, and the busier one gets fewer', async () => {
  const coord = new MemoryCoord();
  const stuck = Promise.withResolvers<void>();
  const served = { slow: 0, fast: 0 };
  const slow: ProbeHandlers['echo'] = async () => {
    served.slow++;
    await stuck.promise;
    return {};
  };
  const fast: ProbeHandlers['echo'] = async () => {
    served.fast++;
    return {};
  };
  await processOf(coord).serve(ProbeService, { ...answering(''), echo: slow });
  await processOf(coord).serve(ProbeService, { ...answering(''), echo: fast });
  const client = processOf(coord).client(ProbeService);
  const stuckCalls: Promise<unknown>[] = [];
  for (let tries = 0; tries < 40; tries++) {
    const call = client.echo({});
    stuckCalls.push(call);
    await Promise.race([call, new Promise((resolve) => setTimeout(resolve, 50))]);
    if (served.slow > 0 && served.fast > 5) break;
  }
  // With one call stuck, the free member is always the less busy of the two.
  expect(served.slow).toBe(1);
  expect(served.fast).toBeGreaterThan(5);
  stuck.resolve();
  await Promise.all(stuckCalls);
});

test('a named member gets its calls alone, wherever the service runs beside it', async () => {
  const coord = new MemoryCoord();
  const [here, there] = [processOf(coord, { memberId: 'here' }), processOf(coord, { memberId: 'there' })];
  await here.serve(ProbeService, answering('here'));
  await there.serve(ProbeService, answering('there'));
  await coord.join(group, { id: 'dead', data: { address: '127.0.0.1:1' } });
  for (const rpc of [here, there, processOf(coord)]) {
    expect([...(await rpc.members(ProbeService))].sort()).toEqual(['dead', 'here', 'there']);
    for (const member of ['here', 'there', 'here'])
      expect(await rpc.client(ProbeService).echo({}, { member })).toMatchObject({ text: member });
  }
  const call = here.client(ProbeService).echo({}, { member: 'dead' });
  await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('a member that cannot be reached is passed over', async () => {
  const coord = new MemoryCoord();
  await coord.join(group, { id: 'dead', data: { address: '127.0.0.1:1' } });
  await processOf(coord).serve(ProbeService, answering('alive'));
  const client = processOf(coord).client(ProbeService);
  for (let calls = 0; calls < 10; calls++) expect(await client.echo({})).toMatchObject({ text: 'alive' });
});

test('without a member a call waits a second for one, then is UNAVAILABLE', async () => {
  const coord = new MemoryCoord();
  const client = processOf(coord).client(ProbeService);
  const startedAtMs = performance.now();
  await expect(client.echo({})).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(performance.now() - startedAtMs).toBeGreaterThan(900);
  const waiting = client.echo({});
  await processOf(coord).serve(ProbeService, answering('late'));
  expect(await waiting).toMatchObject({ text: 'late' });
});

test('a member that stopped serving passes its calls on to another', async () => {
  const coord = new MemoryCoord();
  const [first, second] = [processOf(coord), processOf(coord)];
  const serving = await first.serve(ProbeService, answering('first'));
  const client = processOf(coord).client(ProbeService);
  expect(await client.echo({})).toMatchObject({ text: 'first' });
  const [stale] = [...coord.list(group)];
  await serving[Symbol.asyncDispose]();
  // A view that is not up to date yet still lists it.
  await coord.join(group, stale);
  await second.serve(ProbeService, answering('second'));
  for (let calls = 0; calls < 5; calls++) expect(await client.echo({})).toMatchObject({ text: 'second' });
});

test('a connection lost in mid-call is UNAVAILABLE at once, and the call is not repeated', async () => {
  const coord = new MemoryCoord();
  let calls = 0;
  const begun = Promise.withResolvers<void>();
  const echo: ProbeHandlers['echo'] = () => {
    calls++;
    begun.resolve();
    return new Promise(() => undefined);
  };
  await processOf(coord).serve(ProbeService, { ...answering(''), echo });
  const { host, port } = await addressOf(coord);
  const sockets: Socket[] = [];
  const relay = createServer((client) => {
    const upstream = connectTcp(port, host);
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
    client.pipe(upstream).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const relayed = new MemoryCoord();
  const address = `127.0.0.1:${(relay.address() as AddressInfo).port}`;
  await relayed.join(group, { id: 'relayed', data: { address } });
  const call = processOf(relayed).client(ProbeService).echo({});
  await begun.promise;
  const lostAtMs = performance.now();
  relay.close();
  for (const socket of sockets) socket.resetAndDestroy();
  await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(performance.now() - lostAtMs).toBeLessThan(500);
  expect(calls).toBe(1);
});

test('a member that comes back at its old address is called again within the wait for members', async () => {
  const coord = new MemoryCoord();
  const before = processOf(coord);
  await before.serve(ProbeService, answering('before'));
  const { port } = await addressOf(coord);
  const client = processOf(coord).client(ProbeService);
  expect(await client.echo({})).toMatchObject({ text: 'before' });
  const [stale] = [...coord.list(group)];
  await before[Symbol.asyncDispose]();
  await coord.join(group, stale);
  const waiting = client.echo({});
  await processOf(coord, { port }).serve(ProbeService, answering('after'));
  expect(await waiting).toMatchObject({ text: 'after' });
});

test('a service that is withdrawn ends its streams and lets its unary calls finish', async () => {
  const coord = new MemoryCoord();
  const callee = processOf(coord);
  const release = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const serving = await callee.serve(ProbeService, {
    echo: async () => {
      begun.resolve();
      await release.promise;
      return { text: 'finished' };
    },
    count: async function* () {
      yield {};
      await new Promise(() => undefined);
    },
  });
  const client = processOf(coord).client(ProbeService);
  const stream = client.count({})[Symbol.asyncIterator]();
  await stream.next();
  const call = client.echo({});
  await begun.promise;
  const withdrawn = serving[Symbol.asyncDispose]();
  await expect(stream.next()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  release.resolve();
  expect(await call).toMatchObject({ text: 'finished' });
  await withdrawn;
});

test('a taken port is named with the setting to change', async () => {
  const coord = new MemoryCoord();
  await processOf(coord).serve(ProbeService, answering(''));
  const { port } = await addressOf(coord);
  await expect(processOf(coord, { port }).serve(ProbeService, answering(''))).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    detail: `127.0.0.1:${port}; change rpc.port (GALA_RPC_PORT)`,
  });
});

test('garbage on the port is closed and harms nobody', async () => {
  const coord = new MemoryCoord();
  await processOf(coord).serve(ProbeService, answering('fine'));
  const { host, port } = await addressOf(coord);
  const socket = connectTcp(port, host);
  socket.on('error', () => undefined).resume();
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100));
  await once(socket, 'close');
  expect(await processOf(coord).client(ProbeService).echo({})).toMatchObject({ text: 'fine' });
});
