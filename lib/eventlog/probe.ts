import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import type { Settings } from '../config/index.ts';
import type { Probe } from '../probe/index.ts';
import { eventlogSection } from './config.ts';

const timeoutMs = 1500;
const apiVersionsKey = 18;
const correlationId = 1;

/** Of each broker that the settings name. */
export function eventlogProbes(settings: Settings): Probe[] {
  const { engine, brokers, tls } = settings.get(eventlogSection);
  if (engine !== 'kafka') return [];
  return brokers.map((address) => ({
    engine: 'kafka',
    feature: 'event log',
    address,
    ask: () => askBroker(address, tls),
  }));
}

/** ApiVersions (kafka.apache.org/protocol), which a broker answers before anybody has signed in. */
async function askBroker(address: string, tls: boolean): Promise<string> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const port = Number(address.slice(colon + 1));
  // Whether it may be trusted is for those who send it records.
  const socket: Socket = tls
    ? connectSecure({ host, port, rejectUnauthorized: false })
    : connect({ host, port });
  try {
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer')));
    socket.write(request());
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (answer.length < 8 || answer.readInt32BE(4) !== correlationId)
      throw new Error('it speaks another protocol');
    return 'it answers';
  } finally {
    socket.destroy();
  }
}

/** Length, then the header of version 1: key, version 0, correlation, client. */
function request(): Buffer {
  const client = Buffer.from('gala');
  const header = Buffer.alloc(10);
  header.writeInt16BE(apiVersionsKey, 0);
  header.writeInt32BE(correlationId, 4);
  header.writeInt16BE(client.length, 8);
  const length = Buffer.alloc(4);
  length.writeInt32BE(header.length + client.length);
  return Buffer.concat([length, header, client]);
}
