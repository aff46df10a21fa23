import { rm } from 'node:fs/promises';
import { makeTestFolder, openTemplate } from '../../lib/sql/testing/template.ts';

/** Each project loads this module anew; what is made is one for all of them. */
const shared = globalThis as { galaOnce?: Promise<AsyncDisposable> };

/** Makes once in a run what each test would else make for itself; removed at the end of the run. */
export default async function setup(): Promise<() => Promise<void>> {
  const made = await (shared.galaOnce ??= makeAll());
  return async () => made[Symbol.asyncDispose]();
}

async function makeAll(): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  // Copies need `cp`; elsewhere each test makes its databases anew.
  if (process.platform !== 'win32') stack.use(await openTemplate());
  // Some hundred processes of Gala start in a run: Node keeps the code that it has compiled for the next of them.
  const folder = await makeTestFolder();
  process.env['NODE_COMPILE_CACHE'] ??= folder;
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  return stack.move();
}
