/** Debian's nginx with libnginx-mod-nchan: a channel, its subscribers and a publisher over WebSocket. */
import { freePort } from '../process.ts';
import { startNginx } from './nginx.ts';
import type { RoomPeer, RunningRoom } from './room-peer.ts';

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
  const port = await freePort();
  const http = configuration(port);
  const running = await startNginx({ module: 'nchan', port, errorLevel: 'error', connections: 19_990, http });
  const offer = { port, path: '/offer', template: '{message}' };
  return { ...running, view: { port, path: '/view' }, offer };
}

function configuration(port: number): string {
  return `
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
  }`;
}
