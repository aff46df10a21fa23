import { fileName, type HlsContainer, type HlsFile } from './file-names.ts';
import { durationOf, mediaSequenceOf, type HlsPart, type HlsSegment, type HlsState } from './state.ts';

/** Where another rendition of the stream stands, so that players switch without asking twice. */
export interface RenditionReport {
  /** Address of its playlist, relative to this one. */
  readonly uri: string;
  readonly state: HlsState;
}

export interface PlaylistOptions {
  readonly container: HlsContainer;
  /** Appended to every address, such as a signature; without the question mark. */
  readonly query?: string;
  /** Leave out old segments if there are any to leave out. */
  readonly skip?: boolean;
  readonly renditionReports?: readonly RenditionReport[];
}

const VERSION_DELTA = 9;
const VERSION_MAP = 6;
const VERSION_PLAIN = 3;
const HOLD_BACK_TARGETS = 3;
const HOLD_BACK_PARTS = 3;
const SKIP_TARGETS = 6;
const PARTS_LISTED_TARGETS = 3;
const DECIMALS = 5;

/** Writes a media playlist (RFC 8216bis, 4.4). */
export function renderMediaPlaylist(state: HlsState, options: PlaylistOptions): string {
  const { segments, open } = state;
  const skipped = options.skip ? skippableSegments(state) : 0;
  const partsFrom = firstWithParts(state);
  const lines = [...headLines(state, options)];
  if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  let initId = skipped > 0 ? segments[skipped - 1].initId : undefined;
  for (const [index, segment] of segments.entries()) {
    if (index < skipped) continue;
    lines.push(...segmentHead(segment, initId, options));
    if (index >= partsFrom) lines.push(...partLines(segment.parts, options));
    lines.push(`#EXTINF:${seconds(segment.durationMs)},`);
    lines.push(address({ kind: 'segment', number: segment.sequence }, options));
    ({ initId } = segment);
  }
  if (state.ended) lines.push('#EXT-X-ENDLIST');
  else if (state.partTargetMs > 0) {
    if (open) lines.push(...segmentHead(open, initId, options), ...partLines(open.parts, options));
    const next = address({ kind: 'part', number: state.nextPart }, options);
    lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${next}"`);
    for (const report of options.renditionReports ?? []) lines.push(reportLine(report, options));
  }
  return `${lines.join('\n')}\n`;
}

function headLines(state: HlsState, { container }: PlaylistOptions): string[] {
  const hasParts = state.partTargetMs > 0;
  const version = hasParts ? VERSION_DELTA : container === 'fmp4' ? VERSION_MAP : VERSION_PLAIN;
  const listed = state.open && hasParts ? [...state.segments, state.open] : state.segments;
  const isIndependent = listed.every(({ independent }) => independent);
  return [
    '#EXTM3U',
    `#EXT-X-VERSION:${version}`,
    ...(isIndependent ? ['#EXT-X-INDEPENDENT-SEGMENTS'] : []),
    `#EXT-X-TARGETDURATION:${state.targetDurationSeconds}`,
    `#EXT-X-SERVER-CONTROL:${serverControl(state)}`,
    ...(hasParts ? [`#EXT-X-PART-INF:PART-TARGET=${seconds(state.partTargetMs)}`] : []),
    `#EXT-X-MEDIA-SEQUENCE:${mediaSequenceOf(state)}`,
    ...(state.discontinuitySequence > 0
      ? [`#EXT-X-DISCONTINUITY-SEQUENCE:${state.discontinuitySequence}`]
      : []),
  ];
}

function serverControl({ partTargetMs, targetDurationSeconds }: HlsState): string {
  const holdBack = `HOLD-BACK=${seconds(HOLD_BACK_TARGETS * targetDurationSeconds * 1000)}`;
  if (partTargetMs === 0) return `CAN-BLOCK-RELOAD=YES,${holdBack}`;
  const partHoldBack = `PART-HOLD-BACK=${seconds(HOLD_BACK_PARTS * partTargetMs)}`;
  const skipUntil = `CAN-SKIP-UNTIL=${seconds(SKIP_TARGETS * targetDurationSeconds * 1000)}`;
  return `CAN-BLOCK-RELOAD=YES,${partHoldBack},${holdBack},${skipUntil}`;
}

/** Segments that lie wholly before the skip boundary (RFC 8216bis, 6.2.5.1). */
function skippableSegments(state: HlsState): number {
  if (state.partTargetMs === 0) return 0;
  const boundaryMs = SKIP_TARGETS * state.targetDurationSeconds * 1000;
  let behindMs = durationOf(state.segments) + (state.open?.durationMs ?? 0);
  let count = 0;
  for (const { durationMs } of state.segments) {
    behindMs -= durationMs;
    if (behindMs < boundaryMs) break;
    count += 1;
  }
  return count;
}

/** Index of the first segment whose parts are listed: older ones are of no use to a player near the edge. */
function firstWithParts(state: HlsState): number {
  if (state.partTargetMs === 0) return Infinity;
  let leftMs = PARTS_LISTED_TARGETS * state.targetDurationSeconds * 1000 - (state.open?.durationMs ?? 0);
  let index = state.segments.length;
  while (index > 0 && leftMs > 0) {
    index -= 1;
    leftMs -= state.segments[index].durationMs;
  }
  return index;
}

function segmentHead(segment: HlsSegment, initId: number | undefined, options: PlaylistOptions): string[] {
  const lines: string[] = [];
  if (segment.discontinuity) lines.push('#EXT-X-DISCONTINUITY');
  if (options.container === 'fmp4' && segment.initId !== initId) {
    lines.push(`#EXT-X-MAP:URI="${address({ kind: 'init', number: segment.initId }, options)}"`);
  }
  lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(segment.wallMs).toISOString()}`);
  return lines;
}

function partLines(parts: readonly HlsPart[], options: PlaylistOptions): string[] {
  return parts.map(({ durationMs, number, independent }) => {
    const uri = address({ kind: 'part', number }, options);
    return `#EXT-X-PART:DURATION=${seconds(durationMs)},URI="${uri}"${independent ? ',INDEPENDENT=YES' : ''}`;
  });
}

function reportLine({ uri, state }: RenditionReport, { query }: PlaylistOptions): string {
  const last = state.open ?? state.segments.at(-1);
  const sequence = last?.sequence ?? state.nextSequence;
  const part = Math.max(0, (last?.parts.length ?? 0) - 1);
  const lastPart = state.partTargetMs > 0 ? `,LAST-PART=${part}` : '';
  return `#EXT-X-RENDITION-REPORT:URI="${withQuery(uri, query)}",LAST-MSN=${sequence}${lastPart}`;
}

function address(file: HlsFile, { container, query }: PlaylistOptions): string {
  return withQuery(fileName(file, container), query);
}

function withQuery(uri: string, query: string | undefined): string {
  return query ? `${uri}?${query}` : uri;
}

/** Decimal seconds; enough digits for the grid of sound at any rate. */
function seconds(ms: number): string {
  return String(Number((ms / 1000).toFixed(DECIMALS)));
}
