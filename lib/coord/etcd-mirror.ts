import type { IDuplexStream, IEvent, IKeyValue, IWatchRequest, IWatchResponse } from 'etcd3';
import type { EtcdClient, EtcdLink } from './etcd-client.ts';
import type { Range } from './etcd-keys.ts';

/** Ranges of one reading transaction: below etcd's 128, and with the largest records below what we receive. */
const rangesPerRead = 16;
/** A range that no view has asked for this long is no longer watched. */
const unusedMs = 5000;

type WatchStream = IDuplexStream<IWatchRequest, IWatchResponse>;

/** A range of keys as of a revision: read once, then kept by a watch from the revision after that. */
export class Mirror {
  readonly range: Range;
  readonly entries = new Map<string, IKeyValue>();
  /** Called with an entry whose key is gone. */
  readonly onRemove: (entry: IKeyValue) => void;
  /** Number of the watch on the present stream; 0 while there is none and the entries may be old. */
  watchId = 0;
  revision = 0;
  usedMs = 0;

  constructor(range: Range, onRemove: (entry: IKeyValue) => void) {
    this.range = range;
    this.onRemove = onRemove;
  }

  replace(found: readonly IKeyValue[], revision: number): void {
    const before = [...this.entries];
    this.entries.clear();
    for (const entry of found) this.entries.set(entry.key.toString(), entry);
    this.revision = revision;
    for (const [key, entry] of before) if (!this.entries.has(key)) this.onRemove(entry);
  }

  apply({ type, kv }: IEvent): void {
    const key = kv.key.toString();
    const known = this.entries.get(key);
    this.revision = Number(kv.mod_revision);
    if (type === 'Put') this.entries.set(key, kv);
    else if (this.entries.delete(key) && known) this.onRemove(known);
  }
}

export interface MirrorsOptions {
  readonly client: EtcdClient;
  readonly nowMs: () => number;
  /** Something was changed, or the stream is lost and a turn has to open another. */
  readonly onChange: () => void;
}

/** All mirrors of a process, on one watch stream. */
export class Mirrors {
  readonly #options: MirrorsOptions;
  readonly #mirrors = new Map<string, Mirror>();
  readonly #byWatch = new Map<string, Mirror>();
  /** Reads are made one after the other, so that none puts an older state in the place of a newer one. */
  #loading: Promise<void> = Promise.resolve();
  #stream: WatchStream | undefined;
  #watchSerial = 0;

  constructor(options: MirrorsOptions) {
    this.#options = options;
  }

  /** The mirror of a range that was opened, however old it is. */
  get(range: Range): Mirror | undefined {
    const mirror = this.#mirrors.get(range.key.toString());
    if (mirror) mirror.usedMs = this.#options.nowMs();
    return mirror;
  }

  /** The mirror of a range, read and watched. Errors: COORD_UNAVAILABLE. */
  async open(range: Range, onRemove: (entry: IKeyValue) => void = () => undefined): Promise<Mirror> {
    const mirror = this.get(range) ?? new Mirror(range, onRemove);
    mirror.usedMs = this.#options.nowMs();
    this.#mirrors.set(range.key.toString(), mirror);
    if (mirror.watchId === 0) await this.#load([mirror]);
    return mirror;
  }

  /** Drops what nobody uses, then reads and watches again what a lost stream has left behind. */
  async refresh(): Promise<void> {
    const now = this.#options.nowMs();
    for (const [key, mirror] of this.#mirrors) {
      if (now - mirror.usedMs < unusedMs) continue;
      this.#mirrors.delete(key);
      this.#cancel(mirror);
    }
    const stale = [...this.#mirrors.values()].filter(({ watchId }) => watchId === 0);
    for (let first = 0; first < stale.length; first += rangesPerRead) {
      await this.#load(stale.slice(first, first + rangesPerRead));
    }
  }

  #load(mirrors: readonly Mirror[]): Promise<void> {
    const loaded = this.#loading.then(() => this.#loadNow(mirrors.filter(({ watchId }) => watchId === 0)));
    this.#loading = loaded.catch(() => undefined);
    return loaded;
  }

  async #loadNow(mirrors: readonly Mirror[]): Promise<void> {
    if (mirrors.length === 0) return;
    await this.#options.client.twice(async (link) => {
      const stream = this.#stream ?? (await this.#open(link));
      const success = mirrors.map(({ range }) => ({ request_range: range }));
      const { header, responses } = await link.kv.txn({ compare: [], success, failure: [] });
      if (stream !== this.#stream) throw new Error('the watch was lost');
      for (const [index, mirror] of mirrors.entries()) {
        mirror.replace(responses[index].response_range.kvs, Number(header.revision));
        this.#watch(stream, mirror);
      }
    });
  }

  /** The stream ends with its link, and the link with its stream: what was seen stays until it is read again. */
  async #open(link: EtcdLink): Promise<WatchStream> {
    const stream = await link.watch();
    const lost = (): void => {
      if (this.#stream !== stream) return;
      this.#stream = undefined;
      this.#byWatch.clear();
      for (const mirror of this.#mirrors.values()) mirror.watchId = 0;
      this.#options.client.fail(link);
      this.#options.onChange();
    };
    stream
      .on('data', (response) => this.#receive(response, lost))
      .on('error', lost)
      .on('end', lost);
    this.#stream = stream;
    link.onClose(() => {
      lost();
      stream.end();
    });
    return stream;
  }

  #receive({ watch_id, canceled, events }: IWatchResponse, lost: () => void): void {
    const mirror = this.#byWatch.get(watch_id);
    if (!mirror) return;
    // Compacted meanwhile, or no longer permitted: everything is read again, or the error is seen there.
    if (canceled) return lost();
    for (const event of events) mirror.apply(event);
    if (events.length > 0) this.#options.onChange();
  }

  /** Our own numbers (etcd 3.4) make the answers attributable from the first on. */
  #watch(stream: WatchStream, mirror: Mirror): void {
    mirror.watchId = ++this.#watchSerial;
    this.#byWatch.set(String(mirror.watchId), mirror);
    const create = {
      ...mirror.range,
      start_revision: mirror.revision + 1,
      watch_id: mirror.watchId,
      fragment: true,
    };
    stream.write({ create_request: create });
  }

  #cancel(mirror: Mirror): void {
    if (mirror.watchId === 0) return;
    this.#byWatch.delete(String(mirror.watchId));
    this.#stream?.write({ cancel_request: { watch_id: String(mirror.watchId) } });
    mirror.watchId = 0;
  }
}
