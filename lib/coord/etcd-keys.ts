import type { IKeyValue } from 'etcd3';
import type { LeaseKey } from './rows.ts';

/**
 * Layout under the prefix of an installation. Everything but fences and records is bound to the etcd
 * lease of the process that wrote it.
 *
 * - `member/<group>/<id>`
 * - `lease/<job>/<partition>`: there while it is held
 * - `fence/<job>/<partition>`: written with each change of owner, never deleted: its version is the fence
 * - `record/<key>`
 */
export class EtcdKeys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get probe(): Buffer {
    return Buffer.from(`${this.#prefix}probe`);
  }

  group(group: string): Range {
    return prefixOf(`${this.#prefix}member/${encodeURIComponent(group)}/`);
  }

  member(group: string, id: string): Buffer {
    return Buffer.concat([this.group(group).key, Buffer.from(encodeURIComponent(id))]);
  }

  job(job: string): Range {
    return prefixOf(`${this.#prefix}lease/${encodeURIComponent(job)}/`);
  }

  lease({ job, partition }: LeaseKey): Buffer {
    return Buffer.from(`${this.#prefix}lease/${encodeURIComponent(job)}/${partition}`);
  }

  fence({ job, partition }: LeaseKey): Buffer {
    return Buffer.from(`${this.#prefix}fence/${encodeURIComponent(job)}/${partition}`);
  }

  record(key: string): Range {
    return { key: Buffer.from(`${this.#prefix}record/${key}`) };
  }
}

/** One key, or all from `key` to before `range_end`; as etcd names them. */
export interface Range {
  readonly key: Buffer;
  readonly range_end?: Buffer;
}

/** The last byte of the prefix is `/`: the next one ends the range. */
function prefixOf(prefix: string): Range {
  return { key: Buffer.from(prefix), range_end: Buffer.from(`${prefix.slice(0, -1)}0`) };
}

/** What a key of its range is called: the id of a member, the partition of a lease. */
export function lastPart({ key }: Pick<IKeyValue, 'key'>): string {
  const text = key.toString();
  return decodeURIComponent(text.slice(text.lastIndexOf('/') + 1));
}

interface OwnedMember {
  readonly owner: string;
  readonly data: unknown;
}

/** The owner makes a member its own: a process takes back only what it wrote. */
export function encodeOwned(owner: string, dataJson: string): Buffer {
  return Buffer.from(`{"owner":${JSON.stringify(owner)},"data":${dataJson}}`);
}

export function decodeOwned(value: Buffer): string {
  return JSON.stringify((JSON.parse(value.toString()) as OwnedMember).data);
}

interface WrittenRecord {
  /** Tells a write whose answer was lost from that of another. */
  readonly by: string;
  readonly value: unknown;
}

export function encodeRecordValue(by: string, json: string): Buffer {
  return Buffer.from(`{"by":${JSON.stringify(by)},"value":${json}}`);
}

export function decodeRecordValue(value: Buffer): WrittenRecord {
  return JSON.parse(value.toString()) as WrittenRecord;
}
