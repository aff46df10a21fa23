/** Debian's nginx with libnginx-mod-rtmp, played over RTMP (the module has no HTTP-FLV output). */
import { freePort } from '../process.ts';
import { startNginx } from './nginx.ts';
import type { Peer, RunningPeer } from './peer.ts';

/** nginx 1.22 with its RTMP module, one worker; callbacks for publish and play, statistics and access log on. */
export function nginxRtmp(): Peer {
  return {
    name: 'nginx-rtmp (RTMP play)',
    conditions:
      'Debian nginx + libnginx-mod-rtmp, 1 worker, chunk_size 65536, wait_key on, on_publish/on_play callbacks, ' +
      'rtmp_stat and access_log on; the module sets no TCP_NODELAY, so Nagle on (kernel default); it keeps no ' +
      'group of pictures, so a join waits for the next key frame (up to 2 s)',
    start,
  };
}

async function start(): Promise<RunningPeer> {
  const [port, httpPort] = [await freePort(), await freePort()];
  const running = await startNginx({
    module: 'rtmp',
    port,
    errorLevel: 'info',
    connections: 16_384,
    http: callbacks(httpPort),
    beside: broadcasts(port, `http://127.0.0.1:${httpPort}/accept`),
  });
  const play = { protocol: 'rtmp', port, app: 'live', stream: 'bench' } as const;
  return { ...running, publish: { port, app: 'live', key: 'bench' }, play };
}

function callbacks(port: number): string {
  return `
  server {
    listen 127.0.0.1:${port};
    location /accept { return 200; }
    location /stat { rtmp_stat all; }
  }`;
}

function broadcasts(port: number, callback: string): string {
  return `
rtmp {
  access_log rtmp.log;
  server {
    listen 127.0.0.1:${port};
    chunk_size 65536;
    application live {
      live on;
      wait_key on;
      on_publish ${callback};
      on_play ${callback};
    }
  }
}`;
}
