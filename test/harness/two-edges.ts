import { GalaCommand, portsEnv } from './command.ts';
import { DataFolder } from './data-folder.ts';
import { freePort, Gala } from './gala.ts';
import { waitFor } from './wait.ts';

export interface EdgesOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Pages get their play addresses at the second edge. */
  readonly playAtSecond?: boolean;
}

/** `gala up` and a second edge beside it, at ports of its own. */
export async function startEdges({ env = {}, playAtSecond = false }: EdgesOptions = {}) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await DataFolder.make());
  const [galaLive, live, rtmp] = [await freePort(), await freePort(), await freePort()];
  const [galaUrl, liveUrl] = [galaLive, live].map((port) => `http://127.0.0.1:${port}`);
  const played = playAtSecond ? { GALA_GATEWAY_LIVE_URL: liveUrl } : {};
  const galaEnv = { ...env, ...played, GALA_EDGE_PUBLIC_URL: galaUrl };
  const gala = stack.use(
    await Gala.start({ dataFolder: folder.path, env: galaEnv, ports: { live: galaLive } }),
  );
  const own = { GALA_DATA: folder.path, GALA_EDGE_PUBLIC_URL: liveUrl };
  const edge = stack.use(
    new GalaCommand({ args: ['run', 'edge'], env: { ...portsEnv({ live, rtmp }), ...env, ...own } }),
  );
  await waitFor(() => edge.isReady, { timeoutMs: 60_000, what: 'the second edge' });
  const owned = stack.move();
  const second = { process: edge, liveUrl, rtmpUrl: `rtmp://127.0.0.1:${rtmp}/live` };
  return { gala, second, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
