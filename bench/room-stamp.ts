/** The stamp of a message as `bench/load/ws.h` reads it, for senders that are no C. */
import { readFile } from 'node:fs/promises';

import type { HelloMessage } from '@gala/protocol/signals';

const messageBytes = 100;

/** A text of 100 B with the time of now on CLOCK_MONOTONIC, which `process.hrtime` reads. */
export function signalStamp(sequence: number): string {
  const time = process.hrtime.bigint().toString().padStart(19, '0');
  return `@000${String(sequence).padStart(9, '0')}${time}`.padEnd(messageBytes, 'x');
}

/** The ticket in a file of hellos. */
export async function readHello(path: string): Promise<string> {
  const [line] = (await readFile(path, 'utf8')).split('\n', 1);
  return (JSON.parse(line) as HelloMessage).ticket;
}
