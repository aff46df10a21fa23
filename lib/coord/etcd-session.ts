import { EtcdLeaseInvalidError } from 'etcd3';
import { CodedError } from '../error/index.ts';
import { coordErrors } from './errors.ts';
import type { EtcdClient } from './etcd-client.ts';
import { leaseMarginMs, outageMs, ttlMs } from './limits.ts';

/** An etcd lease that everything of this process is bound to. */
export interface Session {
  readonly id: string;
  /** Monotonic time at which the last renewal that was answered was sent: the TTL counts from there. */
  renewedMs: number;
}

const triesMax = 3;

/**
 * The session of a process: one renewal keeps all of its members and leases. One that was not renewed in
 * time is left to end by itself and another is begun; what was bound to the old one is not given up early.
 */
export class EtcdSession {
  readonly #client: EtcdClient;
  /** A key that is read and never written. */
  readonly #probe: Buffer;
  readonly #nowMs: () => number;
  #current: Session | undefined;
  #granting: Promise<Session> | undefined;
  #answeredMs: number | undefined;
  #graceUntilMs = 0;

  constructor(options: { client: EtcdClient; probe: Buffer; nowMs: () => number }) {
    this.#client = options.client;
    this.#probe = options.probe;
    this.#nowMs = options.nowMs;
  }

  get current(): Session | undefined {
    return this.#current;
  }

  /**
   * One TTL after this process did not hear the engine for a while. Those whom it misses may have been
   * as deaf as it was, and have that time to come back, whatever the engine has ended meanwhile.
   */
  get isGrace(): boolean {
    return this.#nowMs() < this.#graceUntilMs;
  }

  /** The session after this, the same or a new one, to which nothing is bound yet. Errors: COORD_UNAVAILABLE. */
  async renew(): Promise<Session> {
    const session = this.#current;
    if (session && !(await this.#keepAlive(session))) this.lose(session);
    const current = await this.open();
    this.#noteAnswer();
    return current;
  }

  /** Binds something to the session. Errors: COORD_UNAVAILABLE. */
  async bind(work: (session: Session) => Promise<unknown>): Promise<void> {
    for (let tries = 0; tries < triesMax; tries++) {
      const session = await this.open();
      const isBound = await work(session).then(
        () => true,
        (error: unknown) => this.#endedBy(error, session),
      );
      // A session that was begun meanwhile has to be told as well.
      if (isBound && session === this.#current) return;
    }
    throw new CodedError(coordErrors, 'COORD_UNAVAILABLE', { detail: 'the session is lost again and again' });
  }

  /** The present session, or a new one. */
  async open(): Promise<Session> {
    if (this.#current) return this.#current;
    this.#granting ??= this.#grant().finally(() => (this.#granting = undefined));
    return this.#granting;
  }

  /** Ends everything that is bound to it. */
  async revoke(): Promise<void> {
    const session = this.#current;
    this.#current = undefined;
    if (session) await this.#client.twice((link) => link.leases.leaseRevoke({ ID: session.id }));
  }

  /** For an error of a request that named `session`: notes that it is gone, or throws what else it was. */
  #endedBy(error: unknown, session: Session): false {
    if (!(error instanceof EtcdLeaseInvalidError)) throw error;
    this.lose(session);
    return false;
  }

  lose(session: Session): void {
    if (this.#current === session) this.#current = undefined;
  }

  /**
   * A member that led, and hangs at its disk, may answer renewals that its successor never hears of (etcd
   * issue 15247). The read behind it needs a majority, so a renewal counts only where there is one.
   */
  async #keepAlive(session: Session): Promise<boolean> {
    const sentMs = this.#nowMs();
    if (sentMs >= session.renewedMs + ttlMs - leaseMarginMs) return false;
    const seconds = await this.#client.once(async (link) => {
      const left = await link.keepAlive(session.id);
      await link.kv.range({ key: this.#probe, count_only: true });
      return left;
    });
    if (seconds <= 0) return false;
    session.renewedMs = sentMs;
    return true;
  }

  async #grant(): Promise<Session> {
    // The TTL counts from the request for it, so what a new connection takes comes before.
    const request = { key: this.#probe, count_only: true };
    await this.#client.open((link, options) => link.kv.range(request, options));
    const renewedMs = this.#nowMs();
    const { ID } = await this.#client.twice((link) => link.leases.leaseGrant({ TTL: ttlMs / 1000 }));
    this.#current = { id: ID, renewedMs };
    return this.#current;
  }

  #noteAnswer(): void {
    const now = this.#nowMs();
    if (this.#answeredMs !== undefined && now - this.#answeredMs > outageMs) this.#graceUntilMs = now + ttlMs;
    this.#answeredMs = now;
  }
}
