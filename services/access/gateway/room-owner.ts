import { setTimeout as delay } from 'node:timers/promises';
import { CodedError, hasCode } from '@gala/lib/error';
import { ringOrder } from '@gala/lib/ring';
import { askInTurn, type CallOptions, type Client, type Rpc } from '@gala/lib/rpc';
import { protocolErrors } from '@gala/protocol/errors';
import { partitionOfHost, ringKeyOfPartition } from '@gala/protocol/signals';
import type { Spread } from './spread.ts';

/** An owner that died is known to be gone, and another in its place, after about three seconds. */
const waitMsMax = 5000;
const pauseMs = 100;
const askedMax = 3;

type Service = Parameters<Rpc['members']>[0];

/**
 * Asks the process that owns the rooms of a host: the first in the order of the ring, or the next ones while they
 * change hands. What is asked so may be asked twice.
 * @throws CodedError UNAVAILABLE when nobody owns them for seconds, and what the owner refuses with
 */
export async function askOwner<Asked extends Service, Answer>(
  { owners, hostId }: { readonly owners: Spread<Asked>; readonly hostId: number },
  options: CallOptions,
  ask: (client: Client<Asked>, options: CallOptions) => Promise<Answer>,
): Promise<Answer> {
  const key = ringKeyOfPartition(partitionOfHost(hostId));
  const untilMs = performance.now() + waitMsMax;
  let failure: unknown = new CodedError(protocolErrors, 'UNAVAILABLE', { retryAfterSeconds: 1 });
  for (let pause = pauseMs; performance.now() < untilMs; pause *= 2) {
    const order = ringOrder(await owners.members(), key).slice(0, askedMax);
    try {
      return await askInTurn(order, {
        ask: (member) => ask(owners.client, { ...options, member }),
        isPassing,
        nobody: failure,
      });
    } catch (error) {
      if (!isPassing(error)) throw error;
      failure = error;
    }
    await delay(pause, undefined, options.signal && { signal: options.signal });
  }
  throw hasCode(failure, 'NOT_OWNER')
    ? new CodedError(protocolErrors, 'UNAVAILABLE', { cause: failure, retryAfterSeconds: 1 })
    : failure;
}

/** The room is not here, or nobody is. */
function isPassing(error: unknown): boolean {
  return hasCode(error, 'NOT_OWNER', 'UNAVAILABLE');
}
