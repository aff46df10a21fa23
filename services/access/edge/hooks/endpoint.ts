import { createHash } from 'node:crypto';
import type { Breakers, Breaker } from '@gala/lib/breaker';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import { edgeErrors } from '@gala/protocol/errors';
import { signatureHeader, signHook } from './signature.ts';

/** What is read of an answer. */
const answerBytesMax = 64 * 1024;
/** What is shown of the reason for a denial. */
const messageCharactersMax = 200;
const policy = { window: { calls: 20 }, callsMin: 5, probes: 1, openMsMin: 1_000, openMsMax: 30_000 };

export interface HookEndpointOptions {
  readonly url: string;
  readonly secret: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly breakers: Breakers;
}

/** An answer of the receiver that is one: 2xx or 4xx. */
export interface HookAnswer {
  readonly status: number;
  /** Of 4xx: why, for people. */
  readonly message: string;
}

/** One receiver of hooks: signed calls, each within its time limit, behind one breaker. */
export class HookEndpoint {
  /** For logs and metrics, since the path may hold a secret. */
  readonly name: string;
  readonly #options: HookEndpointOptions;
  readonly #breaker: Breaker;

  constructor(options: HookEndpointOptions) {
    const { url, breakers } = options;
    this.#options = options;
    this.name = `${new URL(url).host}#${createHash('sha256').update(url).digest('hex').slice(0, 8)}`;
    this.#breaker = breakers.get({ dependency: 'hook', instance: this.name, policy });
  }

  /**
   * Sends one body (JSON). An open breaker makes no call.
   * @throws CodedError HOOK_FAILED for any answer that is none, BREAKER_OPEN; what `fetch` throws, TimeoutError
   * among it; the reason of `signal`
   */
  post(body: string, signal?: AbortSignal): Promise<HookAnswer> {
    const deadline = AbortSignal.timeout(this.#options.timeoutMs);
    const either = signal ? AbortSignal.any([signal, deadline]) : deadline;
    return this.#breaker.run(() => this.#send(body, either), { signal: either });
  }

  async #send(body: string, signal: AbortSignal): Promise<HookAnswer> {
    const { url, secret, clock } = this.#options;
    const headers = {
      'Content-Type': 'application/json',
      'User-Agent': 'gala-hook',
      [signatureHeader]: signHook(body, { secret, timeMs: clock.nowMs() }),
    };
    // A redirect would carry a signed event to somebody else.
    const response = await fetch(url, { method: 'POST', body, headers, signal, redirect: 'manual' });
    const text = await readBounded(response);
    const { status } = response;
    if (status >= 200 && status < 300) return { status, message: '' };
    if (status >= 400 && status < 500 && !passingStatuses.has(status))
      return { status, message: messageOf(text) };
    throw new CodedError(edgeErrors, 'HOOK_FAILED', { detail: `status ${status}` });
  }
}

/** They say "not now": Request Timeout, Too Early, Too Many Requests. */
const passingStatuses = new Set([408, 425, 429]);

/** All of the body, which also gives the connection back; an endless one is an error. */
async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > answerBytesMax)
      throw new CodedError(edgeErrors, 'HOOK_FAILED', { detail: 'answer too long' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** `{ "message": … }`, or the text as it is. */
function messageOf(text: string): string {
  let message: unknown = text;
  try {
    message = (JSON.parse(text) as { message?: unknown } | null)?.message;
  } catch {
    // Plain text is as good.
  }
  const shown = typeof message === 'string' ? message : '';
  return shown
    .replaceAll(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, messageCharactersMax);
}
