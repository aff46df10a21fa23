import type { RungOptions } from '../av/index.ts';

/** What a child is told first. */
export interface TranscodeStart {
  readonly rungs: readonly RungOptions[];
  readonly mayUseHardware: boolean;
}

type Value = Readonly<Record<string, unknown>>;

/** Both ends are one program: what it sends to itself is not checked again. */
export function startOf(value: Value): TranscodeStart {
  return value as unknown as TranscodeStart;
}

export function wantedOf(value: Value): Set<number> {
  return new Set(value['rungs'] as number[]);
}
