import type { DemoStartMessage, FromProcess, ToProcess } from './messages.ts';

/** The demo's process: native encoders live here and nowhere else. It ends with its supervisor. */
const orphanMs = 1_000;

let broadcast: Promise<AsyncDisposable> | undefined;

function send(message: FromProcess): void {
  process.send!(message);
}

async function start(message: DemoStartMessage): Promise<AsyncDisposable> {
  const { startBroadcast } = await import('../demo/broadcast.ts');
  const { createLogger } = await import('@gala/lib/logger');
  return startBroadcast({ ...message, logger: createLogger({ name: 'demo', pretty: process.stdout.isTTY }) });
}

async function leave(code: number): Promise<void> {
  setTimeout(() => process.exit(code), orphanMs).unref();
  process.exitCode = code;
  const running = await broadcast?.catch(() => undefined);
  if (running) await running[Symbol.asyncDispose]();
  if (process.connected) process.disconnect?.();
}

process.on('message', (message: ToProcess) => {
  if (message.type === 'stop') void leave(0);
  if (message.type === 'metrics') send({ type: 'metrics', id: message.id, metrics: [] });
  if (message.type !== 'start' || !('hostName' in message)) return;
  broadcast = start(message);
  broadcast.then(
    () => send({ type: 'ready', addresses: {} }),
    (error: unknown) => {
      send({
        type: 'failed',
        code: 'DEMO_UNAVAILABLE',
        message: error instanceof Error ? error.message : String(error),
      });
      void leave(1);
    },
  );
});
process.on('disconnect', () => void leave(1));
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
