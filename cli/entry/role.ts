import { CodedError } from '@gala/lib/error';
import { startProcess, type RunningProcess } from '../process.ts';
import type { FromProcess, StartMessage, ToProcess } from './messages.ts';

/** A process of the placement table, under a supervisor: it lives as long as the channel to that does. */

/** How long a process may take to close when its supervisor is gone: nobody would notice that it hangs. */
const orphanMs = 1_500;

let running: Promise<RunningProcess> | undefined;

function send(message: FromProcess): void {
  process.send!(message);
}

async function start(message: StartMessage): Promise<void> {
  try {
    running = startProcess(message);
    send({ type: 'ready', addresses: (await running).addresses });
  } catch (error) {
    const code = error instanceof CodedError ? error.code : 'START_FAILED';
    send({ type: 'failed', code, message: error instanceof Error ? error.message : String(error) });
    if (!(error instanceof CodedError)) console.error(error);
    await leave(1);
  }
}

/** Closes what runs and ends the process; the exit is forced only if something still holds it open. */
async function leave(code: number): Promise<void> {
  process.exitCode = code;
  const ready = await running?.catch(() => undefined);
  if (ready) await ready[Symbol.asyncDispose]();
  if (process.connected) process.disconnect?.();
  setTimeout(() => process.exit(), orphanMs).unref();
}

async function answerMetrics(id: number): Promise<void> {
  const ready = await running?.catch(() => undefined);
  send({ type: 'metrics', id, metrics: (await ready?.metrics.json()) ?? [] });
}

process.on('message', (message: ToProcess) => {
  if (message.type === 'start' && 'databases' in message) void start(message);
  else if (message.type === 'metrics') void answerMetrics(message.id);
  else if (message.type === 'stop') void leave(0);
});
process.on('disconnect', () => {
  setTimeout(() => process.exit(1), orphanMs).unref();
  void leave(1);
});
// A terminal sends Ctrl-C to the whole group: the supervisor decides, and tells us over the channel.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
