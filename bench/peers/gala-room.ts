/** Gala, and a room of it over WebSocket. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { binarySubprotocol, type HelloMessage } from '@gala/protocol/signals';
import type { CoreList } from '../process.ts';
import { GalaProcess, type OpenedRoom } from './gala-process.ts';
import type { RoomPeer, RunningRoom } from './room-peer.ts';

export interface GalaRoomOptions {
  readonly tls?: boolean;
  readonly deflate?: boolean;
  /** What is said in this time goes out together, also in small rooms; without it Gala's default of 50 ms. */
  readonly tickMs?: number;
  readonly core?: CoreList;
  /** Settings beyond those of all rooms that are measured. */
  readonly env?: Readonly<Record<string, string>>;
}

const windowMs = 100;
/** Nobody who measures is a flood, and all come from one machine. */
const unlimited = {
  GALA_SIGNAL_WINDOW_MS_MAX: String(windowMs),
  GALA_SIGNAL_MESSAGES_PER_SECOND: '10000',
  GALA_SIGNAL_MESSAGES_BURST: '10000',
  GALA_GATEWAY_LIMITS_CHANGE_PER_ADDRESS_PER_SECOND: '10000',
  GALA_GATEWAY_LIMITS_CHANGE_PER_ADDRESS_BURST: '10000',
  GALA_SIGNAL_JOINS_PER_ADDRESS_PER_SECOND: '10000',
  GALA_CHAT_COMMENTS_PER_STAFF_PER_SECOND: '10000',
  GALA_CHAT_COMMENTS_PER_STAFF_BURST: '10000',
  GALA_CHAT_COMMENTS_PER_ADDRESS_PER_SECOND: '10000',
  GALA_CHAT_COMMENTS_PER_ADDRESS_BURST: '10000',
  GALA_CHAT_LIKES_PER_USER_PER_SECOND: '10000',
  GALA_CHAT_LIKES_PER_USER_BURST: '10000',
  GALA_CHAT_LIKES_PER_ADDRESS_PER_SECOND: '10000',
  GALA_CHAT_LIKES_PER_ADDRESS_BURST: '10000',
};

/** The whole of Gala: what is said is judged, ordered, merged and shed before it goes out. */
export function galaRoom({ tls = false, deflate = false, tickMs = 50 }: GalaRoomOptions = {}): RoomPeer {
  return {
    name: `Gala, ${tickMs} ms${tls ? ', TLS' : ''}${deflate ? ', deflate' : ''}`,
    conditions:
      `Node ${process.versions.node}, default placement (all roles and PostgreSQL in the measured tree), tickets, logs and ` +
      `metrics on, TCP_NODELAY, binary batches, ticks of ${tickMs} ms and windows of at most ${windowMs} ms; a host speaks (limits raised), viewers ` +
      'have not signed in',
    start: () => startGalaRoom({ tls, deflate, tickMs }),
  };
}

/** A running room for those who do more in it than speak and hear. */
export interface RunningGalaRoom extends RunningRoom {
  readonly server: Pick<GalaProcess, 'ports' | 'metrics' | 'operatorToken'>;
  readonly room: OpenedRoom;
}

export async function startGalaRoom({
  tls = false,
  deflate = false,
  tickMs = 50,
  core,
  env,
}: GalaRoomOptions = {}): Promise<RunningGalaRoom> {
  const tick = { GALA_INTERACTION_TICK_MS: String(tickMs) };
  const server = await GalaProcess.start({ tls, core, env: { ...unlimited, ...tick, ...env } });
  try {
    await server.createHost();
    const room = await server.openRoom();
    const hellos = async (who: 'host' | 'viewer'): Promise<string> => {
      const path = join(server.dataFolder, `hello-${who}`);
      await writeFile(path, helloOf(await room.ticketOf(who)));
      return path;
    };
    const target = { port: server.ports.web, path: '/signal', subprotocol: binarySubprotocol, tls };
    const view = { ...target, deflate, hellos: await hellos('viewer') };
    const offer = {
      ...target,
      hellos: await hellos('host'),
      template: '{"type":"send","id":"{id}","signal":{"type":"comment","text":"{message}"}}',
      ready: '"type":"welcome"',
      accepted: '"code":""',
      refused: '"type":"reply"',
    };
    return { pid: server.pid, view, offer, stop: server.stop, server, room };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function helloOf(ticket: string): string {
  const client = { platform: 'bench', version: 1, capabilities: [] };
  return `${JSON.stringify({ type: 'hello', ticket, client } satisfies HelloMessage)}\n`;
}
