import { Redis } from 'ioredis';

export interface SentinelAddress {
  readonly host: string;
  readonly port: number;
  readonly password?: string;
  /** Of the connection and of the answer, each. */
  readonly timeoutMs: number;
}

/** Asks one sentinel once: `SENTINEL <args>`. Errors: those of ioredis. */
export async function askSentinel(
  { host, port, password, timeoutMs }: SentinelAddress,
  ...args: readonly [string, ...string[]]
): Promise<unknown> {
  const sentinel = new Redis({
    host,
    port,
    password,
    protocol: 2,
    lazyConnect: true,
    disableClientInfo: true,
    enableReadyCheck: false,
    retryStrategy: null,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
  });
  sentinel.on('error', () => undefined);
  try {
    await sentinel.connect();
    return await sentinel.call('SENTINEL', ...args);
  } finally {
    sentinel.disconnect();
  }
}
