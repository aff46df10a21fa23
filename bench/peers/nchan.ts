/** Debian's nginx with libnginx-mod-nchan: a channel, its subscribers and a publisher over WebSocket. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { temporaryFolder } from '../cache.ts';
import { freePort, serverCore, startChild, untilListening } from '../process.ts';
import type { RoomPeer, RunningRoom } from './room-peer.ts';

const modulePath = '/usr/lib/nginx/modules/ngx_nchan_module.so';

export function nchan(): RoomPeer {
  return {
    name: 'nchan',
    conditions:
      'Debian nginx + libnginx-mod-nchan, 1 worker, messages in memory for 10 s, no deflate (its default), access_log on; ' +
      'each message is a frame',
    start,
  };
}

async function start(): Promise<RunningRoom> {
  const folder = await temporaryFolder('nchan');
  const port = await freePort();
  await writeFile(join(folder, 'nginx.conf'), configuration(port));
  const child = startChild('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { core: serverCore });
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(port, 10_000);
  } catch (error) {
    await stop();
    throw error;
  }
  const offer = { port, path: '/offer', template: '{message}' };
  return { pid: child.pid, view: { port, path: '/view' }, offer, stop };
}

function configuration(port: number): string {
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
load_module ${modulePath};
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log error.log error;
events { worker_connections 19990; use epoll; }
http {
  ${scratch.map((name) => `${name}_temp_path ${name};`).join('\n  ')}
  access_log http.log;
  nchan_shared_memory_size 256M;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location /view {
      nchan_subscriber websocket;
      nchan_channel_id room;
      nchan_subscriber_first_message newest;
    }
    location /offer {
      nchan_publisher websocket;
      nchan_channel_id room;
      nchan_message_timeout 10s;
      nchan_message_buffer_length 200;
    }
  }
}
`;
}
