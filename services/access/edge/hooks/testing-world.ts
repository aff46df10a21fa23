import { startTestEdge, type TestEdge } from '../testing-edge.ts';
import { hookSecret, receiveHooks, type HookReceiver } from './testing.ts';

/** An edge whose hooks all go to one receiver. */
export interface World extends AsyncDisposable {
  readonly edge: TestEdge;
  readonly receiver: HookReceiver;
}

export async function startWorld(env: Readonly<Record<string, string>> = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const receiver = stack.use(await receiveHooks());
  const hooks = { GALA_HOOKS_URL: receiver.url, GALA_HOOKS_SECRET: hookSecret, ...env };
  const edge = stack.use(await startTestEdge({ env: hooks }));
  const owned = stack.move();
  return { edge, receiver, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
