import type { Consumer, KafkaRecord, MessageToProduce, RecordsBatch } from '@platformatic/kafka';
import type { PartitionWrite } from './engine.ts';
import type { LogRecord, Position } from './types.ts';

export type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;

const originKey = Buffer.from('o');
const sequenceBytes = 6;
const isControl = 0b10_0000;
const isLogAppendTime = 0b1000;

/** Each with who wrote it and as its how manieth in one header: `u48 sequence, producer`. */
export function encodeMessages(
  topic: string,
  producer: string,
  writes: readonly PartitionWrite[],
): MessageToProduce[] {
  const messages: MessageToProduce[] = [];
  for (const { partition, firstSequence, entries } of writes) {
    for (const [index, { key, value }] of entries.entries()) {
      const origin = originOf(producer, firstSequence + index);
      messages.push({
        topic,
        partition,
        key: Buffer.from(key),
        value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
        headers: new Map([[originKey, origin]]),
      });
    }
  }
  return messages;
}

/** What an answer has of one partition. */
export interface Fetched {
  readonly partition: number;
  /** Offset of the next record of the partition. */
  readonly head: number;
  /** First offset that is kept. */
  readonly start: number;
  readonly records: readonly LogRecord[];
}

/** The partitions that the answer is about; records before the offset that was asked for come with their batch. */
export function decodeFetched(response: FetchResponse, wanted: readonly Position[]): Fetched[] {
  const from = new Map(wanted.map(({ partition, offset }) => [partition, offset]));
  return response.responses.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex: partition, highWatermark, logStartOffset, records }) => {
      const position = { partition, offset: from.get(partition) ?? 0 };
      const decoded = (records ?? []).flatMap((batch) => decodeBatch(batch, position));
      return { partition, head: Number(highWatermark), start: Number(logStartOffset), records: decoded };
    }),
  );
}

function decodeBatch(batch: RecordsBatch, { partition, offset: from }: Position): LogRecord[] {
  if ((batch.attributes & isControl) !== 0) return [];
  const firstOffset = Number(batch.firstOffset);
  const records: LogRecord[] = [];
  for (const record of batch.records) {
    const offset = firstOffset + record.offsetDelta;
    if (offset < from) continue;
    records.push({
      partition,
      offset,
      key: record.key?.toString() ?? '',
      value: record.value ?? Buffer.alloc(0),
      writtenAtMs: writtenAtOf(batch, record),
      ...readOrigin(record, offset),
    });
  }
  return records;
}

function writtenAtOf(batch: RecordsBatch, record: KafkaRecord): number {
  const isOfBroker = (batch.attributes & isLogAppendTime) !== 0;
  return Number(isOfBroker ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta);
}

function originOf(producer: string, sequence: number): Buffer {
  const origin = Buffer.allocUnsafe(sequenceBytes + Buffer.byteLength(producer));
  origin.writeUIntBE(sequence, 0, sequenceBytes);
  origin.write(producer, sequenceBytes);
  return origin;
}

/** What another program wrote has no origin: its place in the log is its number. */
function readOrigin({ headers }: KafkaRecord, offset: number): { producer: string; sequence: number } {
  const origin = headers.find(([key]) => key?.equals(originKey))?.[1];
  if (!origin || origin.length < sequenceBytes) return { producer: '', sequence: offset };
  return {
    producer: origin.toString('utf8', sequenceBytes),
    sequence: origin.readUIntBE(0, sequenceBytes),
  };
}
