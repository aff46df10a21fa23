import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import { RateLimiter, rateKey } from '@gala/lib/http';
import type { Metrics } from '@gala/lib/metrics';
import { protocolErrors } from '@gala/protocol/errors';
import type { Operation, OperationName } from '@gala/protocol/rest';
import type { GatewayConfig } from './config.ts';

/** Operations that share their limits: guessing is slower than changing, changing than reading. */
export type LimitGroup = 'signIn' | 'change' | 'read';

/** Token buckets for each address (IPv6: /64) and each user, of each group; all bounded in memory. */
export class Limits {
  readonly #perAddress: Readonly<Record<LimitGroup, RateLimiter>>;
  readonly #perUser: Readonly<Record<LimitGroup, RateLimiter>>;

  constructor(config: GatewayConfig['limits'], clock: Clock) {
    const { keysMax } = config;
    const limiter = (limit: GatewayConfig['limits']['readPerUser']) =>
      new RateLimiter({ ...limit, keysMax, clock });
    this.#perAddress = {
      signIn: limiter(config.signInPerAddress),
      change: limiter(config.changePerAddress),
      read: limiter(config.readPerAddress),
    };
    const changes = limiter(config.changePerUser);
    this.#perUser = { signIn: changes, change: changes, read: limiter(config.readPerUser) };
  }

  /** @throws CodedError RATE_LIMITED with the seconds to wait */
  admitAddress(group: LimitGroup, address: string): void {
    admit(this.#perAddress[group], rateKey(address));
  }

  /** @throws CodedError RATE_LIMITED with the seconds to wait */
  admitUser(group: LimitGroup, userId: number): void {
    admit(this.#perUser[group], String(userId));
  }

  register(metrics: Metrics): void {
    metrics.gauges({
      name: 'gala_gateway_limit_keys',
      help: 'addresses that a limit remembers now',
      labelNames: ['group'],
      read: () =>
        Object.entries(this.#perAddress).map(([group, { size }]) => ({ labels: { group }, value: size })),
    });
    metrics.gauges({
      name: 'gala_gateway_limit_evicted',
      help: 'addresses that a limit forgot at its bound, since the start',
      labelNames: ['group'],
      read: () =>
        Object.entries(this.#perAddress).map(([group, { evicted }]) => ({
          labels: { group },
          value: evicted,
        })),
    });
  }
}

export function limitGroupOf(name: OperationName, { method }: Operation): LimitGroup {
  if (name === 'signIn' || name === 'signInPartner') return 'signIn';
  return method === 'GET' ? 'read' : 'change';
}

function admit(limiter: RateLimiter, key: string): void {
  const retryAfterSeconds = limiter.take(key);
  if (retryAfterSeconds > 0) throw new CodedError(protocolErrors, 'RATE_LIMITED', { retryAfterSeconds });
}
