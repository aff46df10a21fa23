import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { Writable, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLogger } from '../logger/index.ts';
import { Backoff, Ticker, closeAll, forcedExitCode, waitUntil, type Closable } from './index.ts';

const lines: string[] = [];
const destination = new Writable({
  write: (line: Buffer, _encoding, done) => {
    lines.push(line.toString());
    done();
  },
});
const logger = createLogger({ name: 'test', destination });

function closable(name: string, close: () => Promise<void>): Closable {
  return { name, resource: { [Symbol.asyncDispose]: close } };
}

test('children close one after the other, last first, whatever one of them does', async () => {
  const closed: string[] = [];
  const children = ['a', 'b', 'c', 'd'].map((name) =>
    closable(name, async () => {
      if (name === 'b') throw new Error('b is stuck');
      if (name === 'c') await new Promise(() => undefined);
      await sleep(name === 'd' ? 10 : 0);
      closed.push(name);
    }),
  );
  expect(await closeAll(children, { logger, closeMsMax: 30 })).toEqual(['c', 'b']);
  expect(closed).toEqual(['d', 'a']);
  expect(lines.join('')).toMatch(/"name":"c".*not closed in time.*b is stuck/s);
});

test('in a hurry nobody is waited for', async () => {
  const hurry = new AbortController();
  const asked: string[] = [];
  const children = ['a', 'b'].map((name) =>
    closable(name, () => {
      asked.push(name);
      return new Promise(() => undefined);
    }),
  );
  const closing = closeAll(children, { logger, closeMsMax: 60_000, hurry: hurry.signal });
  hurry.abort();
  expect(await closing).toEqual(['b', 'a']);
  expect(asked).toEqual(['b', 'a']);
});

/** Runs a real process that handles signals; `script` may use `log`, `alive`, `onSignals` and `logger`. */
function child(script: string): ChildProcessByStdio<null, Readable, null> {
  const imports = `
    import { onSignals } from '${import.meta.dirname}/index.ts';
    import { createLogger } from '${import.meta.dirname}/../logger/index.ts';
    const logger = createLogger({ name: 'child', level: 'silent' });
    const alive = setInterval(() => undefined, 1000);
    const log = (line) => process.stdout.write(line + '\\n');`;
  const args = ['--input-type=module', '-e', `${imports}${script}`];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('the first signal drains, and a process that closes all ends by itself', async () => {
  const process = child(`
    const closed = onSignals({ logger, hurry: () => log('hurry'), drain: async (signal) => log('drain ' + signal) });
    log('ready');
    await closed;
    clearInterval(alive);
    log('closed');`);
  const output = text(process.stdout);
  await once(process.stdout, 'data');
  process.kill('SIGTERM');
  expect(await once(process, 'exit')).toEqual([0, null]);
  expect(await output).toBe('ready\ndrain SIGTERM\nclosed\n');
});

test('the second signal hurries, and a process that does not end is ended', async () => {
  const process = child(`
    const never = () => new Promise(() => log('drain'));
    void onSignals({ logger, hurryMsMax: 50, repeatMs: 0, drain: never, hurry: () => log('hurry') });
    log('ready');`);
  let output = '';
  process.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  await expect.poll(() => output).toBe('ready\n');
  process.kill('SIGINT');
  await expect.poll(() => output).toBe('ready\ndrain\n');
  process.kill('SIGTERM');
  expect(await once(process, 'exit')).toEqual([forcedExitCode, null]);
  expect(output).toBe('ready\ndrain\nhurry\n');
});

test('a signal that comes again at once is one signal', async () => {
  const process = child(`
    const drained = Promise.withResolvers();
    process.once('SIGHUP', drained.resolve);
    const drain = () => (log('drain'), drained.promise);
    const closed = onSignals({ logger, repeatMs: 60_000, drain, hurry: () => log('hurry') });
    process.on('SIGINT', () => log('signal'));
    log('ready');
    await closed;
    clearInterval(alive);`);
  let output = '';
  process.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  await expect.poll(() => output).toBe('ready\n');
  process.kill('SIGINT');
  await expect.poll(() => output).toContain('signal\n');
  process.kill('SIGINT');
  await expect.poll(() => output.split('signal').length).toBe(3);
  process.kill('SIGHUP');
  expect(await once(process, 'exit')).toEqual([0, null]);
  expect(output.match(/drain/g)).toHaveLength(1);
  expect(output).not.toContain('hurry');
});

test('a drain that fails is told to who waits', async () => {
  const process = child(`
    onSignals({ logger, drain: () => { throw new Error('stuck'); } }).catch((error) => {
      log(error.message);
      clearInterval(alive);
    });
    log('ready');`);
  const output = text(process.stdout);
  await once(process.stdout, 'data');
  process.kill('SIGTERM');
  expect(await output).toBe('ready\nstuck\n');
});

test('a ticker never overlaps itself, goes on after a failure, and ends with its last run', async () => {
  let active = 0;
  let most = 0;
  const run = async (): Promise<void> => {
    most = Math.max(most, ++active);
    await sleep(15);
    active--;
    throw new Error('run failed');
  };
  const ticker = new Ticker({ name: 'test', intervalMs: 5, run, logger, immediate: true });
  expect(ticker.runs).toBe(1);
  await expect.poll(() => ticker.failures).toBeGreaterThan(1);
  await ticker[Symbol.asyncDispose]();
  expect([most, active]).toEqual([1, 0]);
  expect(ticker.skips).toBeGreaterThan(0);
  const { runs } = ticker;
  await sleep(20);
  expect(ticker.runs).toBe(runs);
});

test('disposing a ticker tells the run under way', async () => {
  const run = (signal: AbortSignal): Promise<void> =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('told'))));
  const ticker = new Ticker({ name: 'test', intervalMs: 60_000, run, logger, immediate: true, unref: true });
  await ticker[Symbol.asyncDispose]();
  expect(ticker.failures).toBe(0);
});

test('waits grow to the bound, by chance, and begin anew after a reset', () => {
  const bounds = (random: number): number[] => {
    const backoff = new Backoff({ initialMs: 100, maxMs: 350, random: () => random });
    const waits = [backoff.nextMs(), backoff.nextMs(), backoff.nextMs(), backoff.nextMs()];
    backoff.reset();
    return [...waits, backoff.nextMs()];
  };
  expect(bounds(1)).toEqual([100, 200, 350, 350, 100]);
  expect(bounds(0)).toEqual([50, 100, 175, 175, 50]);
  const many = new Backoff({ initialMs: 1, maxMs: 5 });
  for (let tries = 0; tries < 5000; tries++) expect(many.nextMs()).toBeLessThanOrEqual(5);
});

test('a wait ends early with the reason of its signal', async () => {
  const backoff = new Backoff({ initialMs: 60_000, maxMs: 60_000 });
  const controller = new AbortController();
  const waiting = backoff.wait(controller.signal);
  controller.abort(new Error('closing'));
  await expect(waiting).rejects.toThrow('closing');
  await expect(backoff.wait(controller.signal)).rejects.toThrow('closing');
  await new Backoff({ initialMs: 1, maxMs: 1 }).wait();
});

test('waitUntil answers what the condition answers, or says what did not come and why', async () => {
  let asked = 0;
  const third = (): string | undefined => {
    if (++asked < 2) throw new Error('refused');
    return asked < 3 ? undefined : 'here';
  };
  expect(await waitUntil(third, { timeoutMs: 2000, intervalMs: 1 })).toBe('here');
  const never = waitUntil(() => Promise.reject(new Error('refused')), {
    timeoutMs: 20,
    what: 'the database',
  });
  await expect(never).rejects.toMatchObject({
    code: 'WAIT_TIMED_OUT',
    detail: 'the database',
    cause: expect.objectContaining({ message: 'refused' }),
  });
  const controller = new AbortController();
  const stopped = waitUntil(() => false, {
    timeoutMs: 60_000,
    intervalMs: 60_000,
    signal: controller.signal,
  });
  controller.abort(new Error('closing'));
  await expect(stopped).rejects.toThrow('closing');
});
