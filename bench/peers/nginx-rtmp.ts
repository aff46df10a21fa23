/** Debian's nginx with libnginx-mod-rtmp, played over RTMP (the module has no HTTP-FLV output). */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { temporaryFolder } from '../cache.ts';
import { freePort, serverCore, startChild, untilListening } from '../process.ts';
import type { Peer, RunningPeer } from './peer.ts';

const modulePath = '/usr/lib/nginx/modules/ngx_rtmp_module.so';

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
  const folder = await temporaryFolder('nginx');
  const [port, httpPort] = [await freePort(), await freePort()];
  await writeFile(join(folder, 'nginx.conf'), configuration(port, httpPort));
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
  const play = { protocol: 'rtmp', port, app: 'live', stream: 'bench' } as const;
  return { pid: child.pid, publish: { port, app: 'live', key: 'bench' }, play, stop };
}

function configuration(port: number, httpPort: number): string {
  const callback = `http://127.0.0.1:${httpPort}/accept`;
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
load_module ${modulePath};
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log error.log info;
events { worker_connections 16384; use epoll; }
http {
  ${scratch.map((name) => `${name}_temp_path ${name};`).join('\n  ')}
  access_log http.log;
  server {
    listen 127.0.0.1:${httpPort};
    location /accept { return 200; }
    location /stat { rtmp_stat all; }
  }
}
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
}
`;
}
