/** Maps of small values under one key. At the bound of elements writes are VALUE_TOO_LARGE until some are deleted. */
export interface Hashes {
  get(key: string, field: string): Promise<Buffer | undefined>;
  /** In the order of the fields; at most 512. */
  getMany(key: string, fields: readonly string[]): Promise<(Buffer | undefined)[]>;
  /** All of it: for hashes that are known to be small. */
  getAll(key: string): Promise<Map<string, Buffer>>;
  /** Fields that are not named stay. */
  set(key: string, values: Readonly<Record<string, Uint8Array>>): Promise<void>;
  /** The new number. */
  increment(key: string, field: string, by: number): Promise<number>;
  delete(key: string, fields: readonly string[]): Promise<void>;
  size(key: string): Promise<number>;
}

export interface Ranked {
  readonly member: string;
  readonly score: number;
}

/** Members in order of their scores, highest first; of equal scores the greater member (as bytes) is first. */
export interface Ranks {
  /** The new score. Above the bound of elements the lowest go. */
  increment(key: string, member: string, by: number): Promise<number>;
  set(key: string, scores: Readonly<Record<string, number>>): Promise<void>;
  /** `count` members from place `from` (0 is the highest) on; at most 1,000. */
  top(key: string, count: number, from?: number): Promise<Ranked[]>;
  /** Place (0 is the highest) of a member; undefined when it has none. */
  rankOf(key: string, member: string): Promise<number | undefined>;
  scoreOf(key: string, member: string): Promise<number | undefined>;
  size(key: string): Promise<number>;
  /** Members with a score of at least `score`: with the time of the last sign of life as score, those present. */
  countFrom(key: string, score: number): Promise<number>;
  remove(key: string, members: readonly string[]): Promise<void>;
  /** Removes all below `score`; how many. */
  removeBelow(key: string, score: number): Promise<number>;
  /** Keeps the highest `keep`; how many went. */
  trim(key: string, keep: number): Promise<number>;
}

/** Members without order. At the bound of elements adding is VALUE_TOO_LARGE until some are removed. */
export interface Sets {
  /** How many were not there before. */
  add(key: string, members: readonly string[]): Promise<number>;
  remove(key: string, members: readonly string[]): Promise<void>;
  has(key: string, member: string): Promise<boolean>;
  /** All of it: for sets that are known to be small. */
  members(key: string): Promise<string[]>;
  size(key: string): Promise<number>;
}

/** Rings of values, oldest first. */
export interface Lists {
  /** Adds at the end and keeps the newest `keep`, never more than the bound of elements; the new length. */
  push(key: string, values: readonly Uint8Array[], keep?: number): Promise<number>;
  /** `count` values from place `from` on, a negative place counts from the end: `(-50, 50)` are the newest 50. */
  range(key: string, from: number, count: number): Promise<Buffer[]>;
  size(key: string): Promise<number>;
  /** Keeps the newest `keep`. */
  trim(key: string, keep: number): Promise<void>;
}
