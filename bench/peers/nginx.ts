/** Debian's nginx with one of its modules: one worker on the core of servers, in a folder of its own. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { temporaryFolder } from '../cache.ts';
import { serverCore, startChild, untilListening } from '../process.ts';

export interface NginxOptions {
  /** Name of the module's file without `ngx_` and `_module.so`. */
  readonly module: 'nchan' | 'rtmp';
  /** That accepts when it is up. */
  readonly port: number;
  readonly errorLevel: 'error' | 'info';
  readonly connections: number;
  /** Inside `http`. */
  readonly http: string;
  /** Beside `http`. */
  readonly beside?: string;
}

export async function startNginx(options: NginxOptions): Promise<{ pid: number; stop: () => Promise<void> }> {
  const folder = await temporaryFolder('nginx');
  await writeFile(join(folder, 'nginx.conf'), configuration(options));
  const child = startChild('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { core: serverCore });
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(options.port, 10_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid, stop };
}

function configuration({ module, errorLevel, connections, http, beside = '' }: NginxOptions): string {
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
load_module /usr/lib/nginx/modules/ngx_${module}_module.so;
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log error.log ${errorLevel};
events { worker_connections ${connections}; use epoll; }
http {
  ${scratch.map((name) => `${name}_temp_path ${name};`).join('\n  ')}
  access_log http.log;
${http}
}
${beside}
`;
}
