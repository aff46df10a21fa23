import type { Clock } from '@gala/lib/clock';
import { RateLimiter, rateKey, type RateLimit } from '@gala/lib/http';
import type { Speaker } from '../types.ts';

export interface LimitsConfig {
  readonly commentsPerUser: RateLimit;
  readonly commentsPerDevice: RateLimit;
  readonly commentsPerAddress: RateLimit;
  /** Of hosts, moderators and operators, instead of the three above. */
  readonly commentsPerStaff: RateLimit;
  readonly likesPerUser: RateLimit;
  readonly likesPerAddress: RateLimit;
  readonly commentsPerRoom: RateLimit;
  /** Users, devices and addresses that are remembered, each. */
  readonly keysMax: number;
}

export const defaultLimits: LimitsConfig = {
  commentsPerUser: { perSecond: 1, burst: 5 },
  commentsPerDevice: { perSecond: 1, burst: 5 },
  commentsPerAddress: { perSecond: 50, burst: 200 },
  commentsPerStaff: { perSecond: 20, burst: 100 },
  likesPerUser: { perSecond: 5, burst: 20 },
  likesPerAddress: { perSecond: 250, burst: 1000 },
  commentsPerRoom: { perSecond: 5000, burst: 5000 },
  keysMax: 100_000,
};

/**
 * How fast one may speak, over all rooms of a process: buckets of tokens for each user, device and address (IPv6: /64).
 * Who asks too often is refused before anything else is looked at, and takes nothing from anybody.
 */
export class SpeakLimits {
  readonly #comments: Dimensions;
  readonly #likes: Dimensions;
  readonly #staff: RateLimiter;
  readonly config: LimitsConfig;
  readonly clock: Clock;

  constructor(config: LimitsConfig, clock: Clock) {
    const limiter = (limit: RateLimit) => new RateLimiter({ ...limit, keysMax: config.keysMax, clock });
    this.config = config;
    this.clock = clock;
    this.#comments = {
      user: limiter(config.commentsPerUser),
      device: limiter(config.commentsPerDevice),
      address: limiter(config.commentsPerAddress),
    };
    this.#staff = limiter(config.commentsPerStaff);
    this.#likes = {
      user: limiter(config.likesPerUser),
      device: limiter(config.likesPerUser),
      address: limiter(config.likesPerAddress),
    };
  }

  /** 0, or the ms after which one of those may comment whom the room's rules do not bind. */
  takeStaff({ userId }: Speaker): number {
    return Math.ceil(this.#staff.take(String(userId)) * 1000);
  }

  /** 0, or the ms after which he may say it. */
  take(speaker: Speaker, kind: 'comment' | 'like'): number {
    const { user, device, address } = kind === 'like' ? this.#likes : this.#comments;
    // The narrowest first: what it refuses is not taken from those who share the wider ones.
    const waitSeconds =
      (speaker.userId === 0 ? 0 : user.take(String(speaker.userId))) ||
      device.take(speaker.device) ||
      address.take(rateKey(speaker.address));
    return Math.ceil(waitSeconds * 1000);
  }

  /** Keys forgotten at the bound. */
  get evicted(): number {
    const of = ({ user, device, address }: Dimensions) => user.evicted + device.evicted + address.evicted;
    return of(this.#comments) + of(this.#likes);
  }

  get size(): number {
    const of = ({ user, device, address }: Dimensions) => user.size + device.size + address.size;
    return of(this.#comments) + of(this.#likes);
  }
}

interface Dimensions {
  readonly user: RateLimiter;
  readonly device: RateLimiter;
  readonly address: RateLimiter;
}
