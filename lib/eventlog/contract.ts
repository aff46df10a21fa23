import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { partitionOf } from './limits.ts';
import type { Batch, EventLog, LogRecord, Position, Topic } from './types.ts';

/** What an adapter brings to be tested: a real engine that can be taken away, and processes on it. */
export interface LogFixture extends AsyncDisposable {
  open(processId: string): Promise<EventLog>;
  /** See `contract-process.ts`. */
  startProcess(options: {
    processId: string;
    topic: Topic;
    keys?: readonly string[];
    group?: string;
  }): LogProcess;
  stopEngine(): Promise<void>;
  startEngine(): Promise<void>;
}

export interface LogProcess {
  /** What it has printed, whole lines. */
  lines(): string[];
  kill(): Promise<void>;
}

interface Tools {
  readonly open: () => Promise<EventLog>;
  readonly topic: (options?: Partial<Topic>) => Topic;
  /** Aborted after the test, with everything that runs until then. */
  readonly signal: () => AbortSignal;
  readonly fixture: () => LogFixture;
}

const soon = { timeout: 20_000, interval: 20 };
/** A process that starts on a busy machine. */
const started = { timeout: 60_000, interval: 20 };
/** After an outage. */
const later = { timeout: 30_000, interval: 20 };

/** Goal: the same promises from every engine. Method: several processes' logs over one real engine. */
export function logContract(name: string, start: () => Promise<LogFixture>): void {
  describe(`event log contract: ${name}`, () => {
    let fixture: LogFixture;
    let opened: EventLog[] = [];
    let ending = new AbortController();
    let serial = 0;

    beforeAll(async () => {
      fixture = await start();
    }, 120_000);
    afterEach(async () => {
      ending.abort();
      ending = new AbortController();
      await Promise.all(opened.map((log) => log[Symbol.asyncDispose]()));
      opened = [];
    }, 30_000);
    afterAll(async () => {
      await fixture[Symbol.asyncDispose]();
    }, 60_000);

    const tools: Tools = {
      open: async () => {
        const log = await fixture.open(`log-${++serial}`);
        opened.push(log);
        return log;
      },
      topic: (options) => ({ name: `topic-${++serial}`, partitions: 4, retentionMs: 3_600_000, ...options }),
      signal: () => ending.signal,
      fixture: () => fixture,
    };
    orderTests(tools);
    groupTests(tools);
    boundTests(tools);
    outageTests(tools);
  });
}

const numbers = (from: number, count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => Buffer.from(String(from + index)));

const startOf = ({ partitions }: Topic): Position[] =>
  Array.from({ length: partitions }, (_, partition) => ({ partition, offset: 0 }));

/** Everything that comes, in the order of its coming. */
function gather(batches: AsyncIterable<Batch>, each?: (batch: Batch) => Promise<void>): LogRecord[] {
  const records: LogRecord[] = [];
  const reading = async (): Promise<void> => {
    for await (const batch of batches) {
      records.push(...batch.records);
      await each?.(batch);
    }
  };
  // What a test expects it waits for; the last commit may come after the engine is gone.
  reading().catch(() => undefined);
  return records;
}

/** As a caller does that must not lose what it writes. */
async function insist(append: () => Promise<void>): Promise<void> {
  await vi.waitFor(append, later);
}

const commit = (batch: Batch): Promise<void> => batch.commit();
const textOf = ({ value }: LogRecord): string => value.toString();

/** Each key's values, in the order of the log. */
function valuesOf(records: readonly LogRecord[]): Map<string, string[]> {
  const byKey = Map.groupBy(records, ({ key }) => key);
  return new Map([...byKey].map(([key, all]) => [key, all.map(textOf)]));
}

function orderTests({ open, topic, signal, fixture }: Tools): void {
  test('keeps the order of each key among many producers, and numbers without going back', async () => {
    const shared = topic();
    const logs = await Promise.all([open(), open(), open()]);
    const appends = logs.flatMap((log, index) =>
      ['a', 'b', 'c', 'd'].flatMap((key) =>
        Array.from({ length: 20 }, (_, turn) =>
          log.append(shared, `${key}${index}`, numbers(turn * 3 + 1, 3)),
        ),
      ),
    );
    await Promise.all(appends);
    const records = gather(logs[0].follow(shared, startOf(shared), signal()));
    await vi.waitFor(() => expect(records).toHaveLength(720), soon);
    for (const [, values] of valuesOf(records)) expect(values).toEqual(numbers(1, 60).map(String));
    for (const [, all] of Map.groupBy(records, ({ partition }) => partition)) {
      const offsets = all.map(({ offset }) => offset);
      expect(offsets).toEqual([...new Set(offsets)].toSorted((one, other) => one - other));
    }
    const [first] = records;
    expect(first.partition).toBe(partitionOf(shared, first.key));
    expect(Math.abs(Date.now() - first.writtenAtMs)).toBeLessThan(60_000);
    expect(
      new Set(records.map(({ producer, partition, sequence }) => `${producer} ${partition} ${sequence}`))
        .size,
    ).toBe(720);
  });

  test('follows from the end that was asked for before, live, and by many readers', async () => {
    const shared = topic();
    const [writer, reader] = [await open(), await open()];
    await writer.append(shared, 'key', numbers(1, 10));
    const end = await reader.end(shared);
    expect(end.map(({ partition }) => partition)).toEqual([0, 1, 2, 3]);
    expect(end[partitionOf(shared, 'key')].offset).toBe(10);
    const followers = Array.from({ length: 8 }, () => gather(reader.follow(shared, end, signal())));
    for (let number = 11; number <= 20; number++) await writer.append(shared, 'key', numbers(number, 1));
    const expected = numbers(11, 10).map(String);
    for (const records of followers) {
      await vi.waitFor(() => expect(records.map(textOf)).toEqual(expected), soon);
    }
  });

  test('keeps what was acknowledged to a writer that is killed', { timeout: 120_000 }, async () => {
    const shared = topic();
    const keys = ['one', 'two', 'three'];
    const writer = fixture().startProcess({ processId: 'writer', topic: shared, keys });
    await vi.waitFor(() => expect(writer.lines().length).toBeGreaterThan(200), started);
    await writer.kill();
    const log = await open();
    const acknowledged = Map.groupBy(writer.lines(), (line) => line.split(' ')[0]);
    const records = gather(log.follow(shared, startOf(shared), signal()));
    await vi.waitFor(() => {
      const values = valuesOf(records);
      for (const [key, { length }] of acknowledged)
        expect(values.get(key)?.length).toBeGreaterThanOrEqual(length);
    }, soon);
    // What was sent again after a late answer may stand there twice; readers leave the second out.
    for (const written of valuesOf(records).values()) {
      expect(written).toEqual(numbers(1, written.length).map(String));
    }
  });
}

function groupTests({ open, topic, signal, fixture }: Tools): void {
  test(
    'gives each partition to one member, and goes on after the last commit',
    { timeout: 120_000 },
    async () => {
      const shared = topic();
      const [writer, one, two] = [await open(), await open(), await open()];
      const ending = new AbortController();
      const both = [one, two].map((log) => gather(log.consume(shared, 'group', ending.signal), commit));
      const keys = Array.from({ length: 16 }, (_, index) => `key-${index}`);
      // Both have their share when each gets something of what is written now.
      let written = 0;
      await vi.waitFor(async () => {
        await Promise.all(keys.map((key) => writer.append(shared, key, numbers(written, 1))));
        written++;
        expect(both.every((records) => records.length > 0)).toBe(true);
      }, soon);
      await vi.waitFor(() => expect(both.flat()).toHaveLength(written * keys.length), soon);
      for (const [, values] of valuesOf(both.flat())) expect(new Set(values).size).toBe(written);
      ending.abort();
      await Promise.all([one, two].map((log) => log[Symbol.asyncDispose]()));

      await writer.append(shared, 'key-0', numbers(1000, 1));
      const later = gather(writer.consume(shared, 'group', signal()), commit);
      await vi.waitFor(() => expect(later.map(textOf)).toEqual(['1000']), soon);
      const other = gather(writer.consume(shared, 'other-group', signal()), commit);
      await vi.waitFor(() => expect(other).toHaveLength(written * keys.length + 1), soon);
    },
  );

  test('takes over from a member that is killed', { timeout: 120_000 }, async () => {
    const shared = topic({ partitions: 2 });
    const log = await open();
    const member = fixture().startProcess({ processId: 'member', topic: shared, group: 'group' });
    await log.append(shared, 'key', numbers(1, 1));
    await vi.waitFor(() => expect(member.lines()).toHaveLength(1), started);
    await member.kill();
    const killedMs = performance.now();
    const records = gather(log.consume(shared, 'group', signal()), commit);
    await log.append(shared, 'key', numbers(2, 1));
    await vi.waitFor(() => expect(records.map(textOf)).toEqual(['2']), soon);
    expect(performance.now() - killedMs).toBeLessThan(8000);
  });

  test('hands partitions over without a gap when a member comes', { timeout: 120_000 }, async () => {
    const shared = topic({ partitions: 8 });
    const [writer, one, two] = [await open(), await open(), await open()];
    const first = gather(one.consume(shared, 'group', signal()), commit);
    const keys = Array.from({ length: 32 }, (_, index) => `key-${index}`);
    const append = (number: number): Promise<unknown> =>
      Promise.all(keys.map((key) => writer.append(shared, key, numbers(number, 1))));
    await append(0);
    await vi.waitFor(() => expect(first).toHaveLength(keys.length), soon);
    const second = gather(two.consume(shared, 'group', signal()), commit);
    let number = 0;
    await vi.waitFor(async () => {
      await append(++number);
      expect(second.length).toBeGreaterThan(0);
    }, soon);
    const total = (number + 1) * keys.length;
    await vi.waitFor(() => expect(first.length + second.length).toBe(total), soon);
    for (const [, values] of valuesOf([...first, ...second])) expect(new Set(values).size).toBe(number + 1);
  });
}

function boundTests({ open, topic, signal }: Tools): void {
  test('refuses what is too large, and too much at once', async () => {
    const shared = topic();
    const log = await open();
    const large = log.append(shared, 'key', [Buffer.alloc(1_000_001)]);
    await expect(large).rejects.toMatchObject({ code: 'LOG_TOO_LARGE' });
    const many = log.append(shared, 'key', numbers(0, 10_001));
    await expect(many).rejects.toMatchObject({ code: 'LOG_TOO_LARGE' });
    const values = numbers(0, 10_000);
    const appends = Array.from({ length: 11 }, () => log.append(shared, 'key', values));
    const outcomes = await Promise.allSettled(appends);
    expect(outcomes.slice(0, 10).every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(outcomes[10]).toMatchObject({ reason: { code: 'LOG_FULL' } });
    await log.append(shared, 'key', [Buffer.alloc(900_000)]);
    const records = gather(log.follow(shared, startOf(shared), signal()));
    await vi.waitFor(() => expect(records).toHaveLength(100_001), soon);
    expect(records.at(-1)!.value).toHaveLength(900_000);
  });

  test(
    'says that a position is no longer kept; a group goes on with what is',
    { timeout: 120_000 },
    async () => {
      const shared = topic({ partitions: 1, retentionMs: 1000 });
      const log = await open();
      await log.append(shared, 'key', numbers(1, 5));
      const early = gather(log.consume(shared, 'early', signal()), commit);
      await vi.waitFor(() => expect(early).toHaveLength(5), soon);
      const lost = async (): Promise<string> => {
        const short = AbortSignal.any([signal(), AbortSignal.timeout(500)]);
        try {
          for await (const { records } of log.follow(shared, startOf(shared), short))
            expect(records.length).toBe(5);
        } catch (error) {
          return (error as { code: string }).code;
        }
        return 'kept';
      };
      await vi.waitFor(async () => expect(await lost()).toBe('LOG_TRIMMED'), {
        timeout: 15_000,
        interval: 100,
      });
      const records = gather(log.consume(shared, 'late', signal()), commit);
      await log.append(shared, 'key', numbers(6, 1));
      await vi.waitFor(() => expect(records.map(textOf)).toEqual(['6']), soon);
      await vi.waitFor(() => expect(early.map(textOf)).toEqual(numbers(1, 6).map(String)), soon);
    },
  );
}

function outageTests({ open, topic, signal, fixture }: Tools): void {
  test(
    'says that the engine is away, delivers again what was not committed, and goes on',
    { timeout: 120_000 },
    async () => {
      const shared = topic({ partitions: 1 });
      const log = await open();
      const followed = gather(log.follow(shared, startOf(shared), signal()));
      const inHand = Promise.withResolvers<void>();
      const stopped = Promise.withResolvers<void>();
      const codes: string[] = [];
      const consumed = gather(log.consume(shared, 'group', signal()), async (batch) => {
        if (batch.records.some((record) => textOf(record) === '2')) {
          inHand.resolve();
          await stopped.promise;
        }
        await batch.commit().catch(({ code }: { code: string }) => codes.push(code));
      });
      const texts = (records: readonly LogRecord[]): string[] => records.map(textOf);
      await log.append(shared, 'key', numbers(1, 1));
      await vi.waitFor(() => expect(texts(consumed)).toEqual(['1']), soon);
      await log.append(shared, 'key', numbers(2, 1));
      await inHand.promise;
      await fixture().stopEngine();
      stopped.resolve();
      const away = { code: 'LOG_UNAVAILABLE' };
      await expect(log.append(shared, 'key', numbers(3, 1))).rejects.toMatchObject(away);
      await expect(log.end(shared)).rejects.toMatchObject(away);
      await vi.waitFor(() => expect(['LOG_UNAVAILABLE', 'LOG_NOT_OWNER']).toContain(codes[0]), later);

      await fixture().startEngine();
      await insist(() => log.append(shared, 'key', numbers(4, 1)));
      await vi.waitFor(() => expect(texts(followed)).toContain('4'), later);
      await vi.waitFor(() => expect(texts(consumed)).toContain('4'), later);
      expect(texts(consumed).filter((text) => text === '2').length).toBeGreaterThan(1);
      // What was refused may be there all the same, but nothing twice and nothing out of order.
      expect(texts(followed)).toEqual([...new Set(texts(followed))].toSorted());
      expect(texts(followed)).toEqual(expect.arrayContaining(['1', '2', '4']));
    },
  );
}
