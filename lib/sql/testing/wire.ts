import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A wire to a database that can go dead without either side being told. */
export interface Wire extends AsyncDisposable {
  /** The database's URL, through the wire. */
  readonly url: string;
  readonly cut: () => void;
}

export async function openWire(databaseUrl: string): Promise<Wire> {
  const target = new URL(databaseUrl);
  const sockets: Socket[] = [];
  let dead = false;
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.on('data', (chunk) => dead || far.write(chunk));
    far.on('data', (chunk) => dead || near.write(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cut: () => void (dead = true),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
