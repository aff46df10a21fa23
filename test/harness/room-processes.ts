import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type {
  Question,
  RefreshTimes,
  ReplicaState,
  RoomProcess,
} from '../../services/application/room/ongoing/testing/process.ts';

const script = path.join(import.meta.dirname, '../../services/application/room/ongoing/testing/process.ts');

/** A process that reads changes of rooms, or keeps replicas of the rooms on air. */
export interface RunningRoomProcess extends AsyncDisposable {
  readonly pid: number;
  states(): Promise<ReplicaState[]>;
  /** How long full refreshes take, one after the other, for each of its replicas. */
  refresh(): Promise<RefreshTimes>;
  /** At once, as `kill -9`. */
  kill(): Promise<void>;
}

export async function startRoomProcess(options: RoomProcess): Promise<RunningRoomProcess> {
  const env = { ...process.env, ROOM_PROCESS: JSON.stringify(options) };
  const child = fork(script, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  try {
    await answer(child);
  } catch (error) {
    await kill();
    throw error;
  }
  const ask = (question: Question): Promise<unknown> => {
    child.send(question);
    return answer(child);
  };
  return {
    pid: child.pid!,
    states: () => ask('state') as Promise<ReplicaState[]>,
    refresh: () => ask('refresh') as Promise<RefreshTimes>,
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

async function answer(child: ChildProcess): Promise<unknown> {
  const left = new AbortController();
  const ended = once(child, 'exit', { signal: left.signal }).then(([code]) => {
    throw new Error(`a process of rooms ended with ${code}`);
  });
  ended.catch(() => undefined);
  try {
    const [message] = (await Promise.race([
      once(child, 'message', { signal: left.signal }),
      ended,
    ])) as unknown[];
    return message;
  } finally {
    left.abort();
  }
}
