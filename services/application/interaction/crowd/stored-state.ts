import type { StatePart } from '@gala/protocol/signals';

/** Fields of one write, in the order in which writes are to be made. */
export type StateWrites = readonly [
  values: Readonly<Record<string, Uint8Array>>,
  versions: Readonly<Record<string, Uint8Array>>,
  whole: Readonly<Record<string, Uint8Array>>,
];

/** The hash of a room's state. */
export function stateKeyOf(roomId: number): string {
  return `{room:${roomId}}:state`;
}

/**
 * How a room's state is kept in a hash: `<fence>/value/<part>`, `<fence>/version/<part>`, `<fence>/whole`. Each owner
 * has fields of its own, so one that writes on after it has lost the room spoils nothing. Values are written first,
 * then the versions of their parts, then the one of the whole: whoever reads a version finds what it stands for.
 */
export function writesOf(fence: number, parts: readonly StatePart[]): StateWrites {
  const values: Record<string, Uint8Array> = {};
  const versions: Record<string, Uint8Array> = {};
  let whole = 0;
  for (const { name, version, stateVersion, value } of parts) {
    values[`${fence}/value/${name}`] = Buffer.from(JSON.stringify(value ?? null));
    versions[`${fence}/version/${name}`] = Buffer.from(String(version));
    whole = Math.max(whole, stateVersion);
  }
  return [values, versions, { [`${fence}/whole`]: Buffer.from(String(whole)) }];
}

export interface StoredState {
  /** Of each part what the last owner wrote who wrote it. A value may be newer than its version: it was under way. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Versions of the last owner that wrote any. */
  readonly versions: ReadonlyMap<string, number>;
  readonly version: number;
  /** The versions of the parts explain the one of the whole; else some are missing, and are to be read again. */
  readonly isSound: boolean;
  readonly fields: readonly { readonly fence: number; readonly field: string }[];
}

/** @param hash all fields; what cannot be read is left out */
export function readStored(hash: ReadonlyMap<string, Buffer>): StoredState {
  const fields = [...hash.keys()].flatMap((field) => {
    const [fence, kind, name = ''] = splitField(field);
    return Number.isSafeInteger(fence) ? [{ fence, kind, name, field }] : [];
  });
  fields.sort((a, b) => a.fence - b.fence);
  const values = new Map<string, unknown>();
  const versions = new Map<string, number>();
  let version = 0;
  for (const { kind, name, field } of fields) {
    const text = hash.get(field)!.toString();
    if (kind === 'value') readValue(text, (value) => values.set(name, value));
    if (kind === 'version') versions.set(name, Number(text));
    if (kind === 'whole') version = Math.max(version, Number(text));
  }
  const isSound = Math.max(0, ...versions.values()) >= version;
  return { values, versions, version, isSound, fields };
}

/** Names of parts may have slashes. */
function splitField(field: string): [fence: number, kind: string, name?: string] {
  const [fence, kind, ...name] = field.split('/');
  return [fence === '' ? NaN : Number(fence), kind, name.join('/')];
}

function readValue(text: string, take: (value: unknown) => void): void {
  try {
    take(JSON.parse(text));
  } catch {
    // Not written by us.
  }
}
