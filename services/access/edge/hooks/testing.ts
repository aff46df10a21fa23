import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A call as its receiver sees it. */
export interface ReceivedHook {
  readonly raw: string;
  readonly signature: string;
  readonly event: string;
  readonly body: Record<string, unknown>;
}

/** Answers a call; without one it is 204. */
export type HookAnswering = (call: ReceivedHook, response: ServerResponse) => void | Promise<void>;

/** A receiver of hooks on a free port that keeps what it got. */
export interface HookReceiver extends AsyncDisposable {
  readonly url: string;
  readonly calls: ReceivedHook[];
  /** Calls of one event. */
  of(event: string): ReceivedHook[];
  answer: HookAnswering;
}

export const hookSecret = 'a secret of this test';

/** As receivers are told to do it in docs/access.md. */
export function isSigned({ raw, signature }: ReceivedHook): boolean {
  const { t, v1 } = Object.fromEntries(signature.split(',').map((part) => part.split('=')));
  const isFresh = Math.abs(Date.now() - Number(t)) < 60_000;
  return isFresh && v1 === createHmac('sha256', hookSecret).update(`${t}.${raw}`).digest('hex');
}

export async function receiveHooks(): Promise<HookReceiver> {
  const calls: ReceivedHook[] = [];
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const raw = await text(request);
    const body = JSON.parse(raw) as Record<string, unknown>;
    const signature = String(request.headers['gala-signature']);
    const call = { raw, signature, event: String(body.event), body };
    calls.push(call);
    await receiver.answer(call, response);
    if (!response.headersSent) response.writeHead(204).end();
  };
  const server = createServer((request, response) => {
    receive(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver: HookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks?token=of-the-receiver`,
    calls,
    of: (event) => calls.filter((call) => call.event === event),
    answer: () => undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}
