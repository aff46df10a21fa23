import type { HlsSegment, HlsState } from './state.ts';

export type HlsContainer = 'fmp4' | 'mpegts';

/** A file of a rendition by its name. */
export interface HlsFile {
  readonly kind: 'init' | 'part' | 'segment';
  /** Id of the init segment, running number of the part, sequence number of the segment. */
  readonly number: number;
}

const EXTENSIONS = {
  fmp4: { init: 'mp4', part: 'm4s', segment: 'm4s' },
  mpegts: { init: 'mp4', part: 'ts', segment: 'ts' },
} as const;
const FILE_NAME = /^(init|part|segment)-(\d{1,15})\.(mp4|m4s|ts)$/;

/** Name of a file, relative to its playlist. */
export function fileName({ kind, number }: HlsFile, container: HlsContainer): string {
  return `${kind}-${number}.${EXTENSIONS[container][kind]}`;
}

/** What a name means; undefined for any other name. */
export function parseFileName(name: string, container: HlsContainer): HlsFile | undefined {
  const match = FILE_NAME.exec(name);
  if (match === null) return undefined;
  const file: HlsFile = { kind: match[1] as HlsFile['kind'], number: Number(match[2]) };
  return fileName(file, container) === name ? file : undefined;
}

/** Where the bytes of a file are. */
export type FileAnswer =
  /** A whole segment, or its part at `partIndex`. */
  | { readonly kind: 'ready'; readonly segment: HlsSegment; readonly partIndex: number | undefined }
  | { readonly kind: 'init'; readonly initId: number }
  /** It was announced by a preload hint and is to be waited for. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'gone' };

const GONE: FileAnswer = { kind: 'gone' };

/** Answers a request for a file: listed, kept after it has left the window, announced, or not there. */
export function resolveFile(file: HlsFile, state: HlsState): FileAnswer {
  if (file.kind === 'init') return resolveInit(file.number, state);
  const kept = [...state.removed.map(({ segment }) => segment), ...state.segments];
  if (file.kind === 'segment') {
    const segment = kept.find(({ sequence }) => sequence === file.number);
    return segment ? { kind: 'ready', segment, partIndex: undefined } : GONE;
  }
  if (file.number === state.nextPart && !state.ended && state.partTargetMs > 0) return { kind: 'wait' };
  for (const segment of state.open ? [...kept, state.open] : kept) {
    const partIndex = segment.parts.findIndex(({ number }) => number === file.number);
    if (partIndex !== -1) return { kind: 'ready', segment, partIndex };
  }
  return GONE;
}

function resolveInit(initId: number, state: HlsState): FileAnswer {
  return initIdsInUse(state).has(initId) ? { kind: 'init', initId } : GONE;
}

/** Init segments that a player may still fetch. */
export function initIdsInUse(state: HlsState): Set<number> {
  const removed = state.removed.map(({ segment }) => segment.initId);
  return new Set([state.initId, ...removed, ...state.segments.map(({ initId }) => initId)]);
}
