import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CodedError, hasCode } from '../error/index.ts';
import { createLogger, type Logger } from '../logger/index.ts';
import { messageBytesMax, type CallContext, type Client, type Handlers } from './index.ts';
import type { Probe, ProbeService } from './testing/probe_pb.js';

export type ProbeHandlers = Handlers<typeof ProbeService>;

/** A caller and a callee joined by one transport. */
export interface Joined extends AsyncDisposable {
  readonly client: Client<typeof ProbeService>;
  /** Id of the callee among the members. */
  readonly callee: string;
  readonly members: () => Promise<readonly string[]>;
}

export type Join = (handlers: ProbeHandlers, logger: Logger) => Promise<Joined>;

const table = { ROOM_GONE: { http: 410, grpc: 5, message: 'the room is gone' } } as const;
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** What holds on every transport: it must not matter to a role whether its callee is in its own process. */
export function contract(name: string, join: Join): void {
  describe(name, () => {
    let joined: Joined;
    let lines: string[];
    let seen: { request: Probe; call: CallContext }[];
    let echo: ProbeHandlers['echo'];
    let count: ProbeHandlers['count'];

    beforeEach(async () => {
      lines = [];
      seen = [];
      echo = async (request) => request;
      count = async function* (request) {
        for (let number = 0n; number < request.number; number++) yield { number };
      };
      const destination = new Writable({
        write: (line: Buffer, _encoding, done) => {
          lines.push(line.toString());
          done();
        },
      });
      const handlers: ProbeHandlers = {
        echo: (request, call) => {
          seen.push({ request, call });
          return echo(request, call);
        },
        count: (request, call) => {
          seen.push({ request, call });
          return count(request, call);
        },
      };
      joined = await join(handlers, createLogger({ name: 'callee', destination }));
    });

    afterEach(() => joined[Symbol.asyncDispose]());

    unaryCalls();
    namedMembers();
    errors();
    endings();
    streams();

    function unaryCalls(): void {
      test('a message goes there and back, with every kind of field', async () => {
        const payload = new Uint8Array([1, 2, 255]);
        const answer = await joined.client.echo({
          text: 'ä',
          number: 2n ** 63n,
          payload,
          inner: [{ text: 'i' }],
        });
        expect(answer).toMatchObject({ text: 'ä', number: 2n ** 63n, inner: [{ text: 'i' }] });
        expect([...answer.payload]).toEqual([1, 2, 255]);
      });

      test('neither side can reach into the objects of the other', async () => {
        const given = { text: 'a', payload: new Uint8Array([1]), inner: [{ text: 'i' }] };
        const answer = await joined.client.echo(given);
        const [{ request }] = seen;
        expect(
          Object.isFrozen(request) && Object.isFrozen(request.inner) && Object.isFrozen(request.inner[0]),
        ).toBe(true);
        expect(Object.isFrozen(answer) && Object.isFrozen(answer.inner[0])).toBe(true);
        expect(Object.isFrozen(given) || Object.isFrozen(given.inner)).toBe(false);
        request.payload[0] = 9;
        expect([given.payload[0], answer.payload[0]]).toEqual([1, 1]);
      });

      test('the traceparent reaches the handler', async () => {
        await joined.client.echo({}, { traceparent: '00-1-2-01' });
        await joined.client.echo({});
        expect(seen.map(({ call }) => call.traceparent)).toEqual(['00-1-2-01', undefined]);
      });

      test('a message over the bound is refused in both directions, one at the bound passes', async () => {
        const overhead = 5;
        const largest = await joined.client.echo({ payload: new Uint8Array(messageBytesMax - overhead) });
        expect(largest.payload).toHaveLength(messageBytesMax - overhead);
        const tooLarge = { payload: new Uint8Array(messageBytesMax) };
        await expect(joined.client.echo(tooLarge)).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
        expect(seen).toHaveLength(1);
        echo = async () => tooLarge;
        await expect(joined.client.echo({})).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
      });

      test('a request that does not fit the schema is refused before it is sent', async () => {
        await expect(joined.client.echo({ number: -1n })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
        expect(seen).toHaveLength(0);
      });
    }

    function namedMembers(): void {
      test('the callee is among the members and may be called by name, its streams too', async () => {
        expect(await joined.members()).toEqual([joined.callee]);
        const options = { member: joined.callee };
        expect(await joined.client.echo({ text: 'a' }, options)).toMatchObject({ text: 'a' });
        const numbers: bigint[] = [];
        for await (const { number } of joined.client.count({ number: 2n }, options)) numbers.push(number);
        expect(numbers).toEqual([0n, 1n]);
      });

      test('a call for a member that is not there reaches nobody else', async () => {
        const call = joined.client.echo({}, { member: 'gone-1', timeoutMs: 3000 });
        await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        expect((await call.catch((error: CodedError) => error)) as CodedError).toMatchObject({
          detail: expect.stringContaining('gone-1'),
        });
        expect(seen).toHaveLength(0);
      });
    }

    function errors(): void {
      test('a coded error keeps code, statuses, detail and retry time, and loses cause and stack', async () => {
        const options = { detail: 'room 7 – ended', retryAfterSeconds: 1.5, cause: new Error('private') };
        echo = async () => Promise.reject(new CodedError(table, 'ROOM_GONE', options));
        const error: unknown = await joined.client.echo({}).catch((thrown: unknown) => thrown);
        expect(hasCode(error, 'ROOM_GONE')).toBe(true);
        expect(error).toMatchObject({ http: 410, grpc: 5, detail: 'room 7 – ended', retryAfterSeconds: 1.5 });
        expect(error).toMatchObject({ message: 'the room is gone: room 7 – ended', cause: undefined });
        expect(lines).toEqual([]);
      });

      test('any other error is INTERNAL to the caller and a log line at the callee', async () => {
        echo = async () => Promise.reject(new Error('password=1'));
        const error: unknown = await joined.client.echo({}).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code: 'INTERNAL', detail: undefined });
        expect(String((error as Error).stack)).not.toContain('password=1');
        expect(lines.join('')).toContain('password=1');
      });

      test('a handler that answers rubbish, or throws at once, is INTERNAL', async () => {
        echo = async () => ({ number: -1n });
        await expect(joined.client.echo({})).rejects.toMatchObject({ code: 'INTERNAL' });
        echo = () => {
          throw new Error('at once');
        };
        await expect(joined.client.echo({})).rejects.toMatchObject({ code: 'INTERNAL' });
        expect(lines).toHaveLength(2);
      });

      test('an error in mid-stream comes after the messages before it', async () => {
        count = async function* () {
          yield { number: 1n };
          throw new CodedError(table, 'ROOM_GONE');
        };
        const numbers: bigint[] = [];
        const read = async (): Promise<void> => {
          for await (const { number } of joined.client.count({})) numbers.push(number);
        };
        await expect(read()).rejects.toMatchObject({ code: 'ROOM_GONE' });
        expect(numbers).toEqual([1n]);
      });
    }

    function endings(): void {
      test('the deadline ends the call and tells the handler', async () => {
        const told = Promise.withResolvers<unknown>();
        echo = async (_request, { signal }) => {
          await aborted(signal);
          told.resolve((signal.reason as CodedError).code);
          return {};
        };
        await expect(joined.client.echo({}, { timeoutMs: 50 })).rejects.toMatchObject({
          code: 'DEADLINE_EXCEEDED',
        });
        expect(await told.promise).toBe('DEADLINE_EXCEEDED');
      });

      test('the deadline ends the call of a handler that does not listen', async () => {
        echo = () => new Promise(() => undefined);
        await expect(joined.client.echo({}, { timeoutMs: 50 })).rejects.toMatchObject({
          code: 'DEADLINE_EXCEEDED',
        });
      });

      test('cancelling ends the call and tells the handler', async () => {
        const controller = new AbortController();
        const told = Promise.withResolvers<unknown>();
        echo = async (_request, { signal }) => {
          controller.abort();
          await aborted(signal);
          told.resolve((signal.reason as CodedError).code);
          return {};
        };
        const call = joined.client.echo({}, { signal: controller.signal });
        await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
        expect(await told.promise).toBe('CANCELLED');
      });

      test('a call cancelled before it began is never sent', async () => {
        const call = joined.client.echo({}, { signal: AbortSignal.abort() });
        await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
        expect(seen).toHaveLength(0);
      });

      test('a handler that fails because its caller left is no fault', async () => {
        const ended = Promise.withResolvers<void>();
        echo = async (_request, { signal }) => {
          await aborted(signal).finally(() => ended.resolve());
          throw new Error('aborted');
        };
        await expect(joined.client.echo({}, { timeoutMs: 30 })).rejects.toMatchObject({
          code: 'DEADLINE_EXCEEDED',
        });
        await ended.promise;
        await turn();
        expect(lines).toEqual([]);
      });
    }

    function streams(): void {
      test('a stream comes whole and in order', async () => {
        const numbers: bigint[] = [];
        for await (const { number } of joined.client.count({ number: 500n })) numbers.push(number);
        expect(numbers).toEqual(Array.from({ length: 500 }, (_, index) => BigInt(index)));
      });

      test('leaving the loop ends the handler', async () => {
        const ended = Promise.withResolvers<boolean>();
        count = async function* (_request, { signal }) {
          try {
            for (let number = 0n; ; number++) {
              yield { number };
              await turn();
            }
          } finally {
            ended.resolve(signal.aborted);
          }
        };
        for await (const { number } of joined.client.count({})) if (number === 3n) break;
        expect(await ended.promise).toBe(true);
      });

      test('cancelling ends a stream that is silent', async () => {
        const controller = new AbortController();
        count = async function* (_request, { signal }) {
          yield { number: 1n };
          await aborted(signal);
        };
        const read = async (): Promise<void> => {
          for await (const message of joined.client.count({}, { signal: controller.signal })) {
            expect(message.number).toBe(1n);
            controller.abort();
          }
        };
        await expect(read()).rejects.toMatchObject({ code: 'CANCELLED' });
      });

      test('a reader that stands still stops the handler within a bound', async () => {
        let made = 0;
        const payload = new Uint8Array(1 << 20);
        const stopped = Promise.withResolvers<void>();
        count = async function* (request) {
          for (; made < request.number; made++) yield { payload };
          stopped.resolve();
        };
        const messages = joined.client.count({ number: 100n })[Symbol.asyncIterator]();
        await messages.next();
        let before = -1;
        // Until it has stopped making messages for a while.
        while (before !== made) {
          before = made;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        expect(made).toBeLessThan(64);
        let rest = 1;
        while (!(await messages.next()).done) rest++;
        expect(rest).toBe(100);
        await stopped.promise;
      });
    }
  });
}
