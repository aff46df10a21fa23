import { parseMediaPlaylist, type ParsedPlaylist, type ParsedSegment } from './parsed-playlist.ts';

const PART_SHARE_MIN = 0.85;
const HOLD_BACK_TARGETS_MIN = 3;
const PART_HOLD_BACK_MIN = 3;
const SKIP_TARGETS_MIN = 6;
const WINDOW_TARGETS_MIN = 3;
const PARTS_LISTED_TARGETS = 3;
const MAP_VERSION = 6;
const SKIP_VERSION = 9;
/** Durations are written with five decimals. */
const ROUNDING_SECONDS = 0.00002;
/** Steps of the date that players do not notice. */
const WALL_TOLERANCE_MS = 20;
const WALL_OVERLAP_MS_MAX = 500;

/**
 * Checks one media playlist against RFC 8216bis, more strictly than players do: what the text calls SHOULD is an
 * issue as well. An empty list means that all is well.
 */
export function validateMediaPlaylist(text: string): string[] {
  const playlist = parseMediaPlaylist(text);
  return [
    ...playlist.issues,
    ...headIssues(playlist),
    ...serverControlIssues(playlist),
    ...playlist.segments.flatMap((segment) => segmentIssues(segment, playlist)),
    ...dateIssues(playlist.segments),
    ...edgeIssues(playlist),
  ];
}

/**
 * Checks the playlists of one rendition as a player sees them, reload after reload: each by itself, and what may
 * not change from one to the next.
 */
export class PlaylistValidator {
  #before: ParsedPlaylist | undefined;
  /** Playlists checked. */
  count = 0;

  /** Checks the next answer; a delta update may follow a full playlist. */
  add(text: string): string[] {
    const playlist = parseMediaPlaylist(text);
    const before = this.#before;
    const issues = [...validateMediaPlaylist(text), ...(before ? changeIssues(before, playlist) : [])];
    if (playlist.skipped > 0 && before === undefined)
      issues.push('a delta update without a full playlist before');
    this.#before = playlist;
    this.count += 1;
    return issues.map((issue) => `playlist ${this.count}: ${issue}`);
  }
}

function headIssues({ head, targetDuration, skipped, segments, partTarget }: ParsedPlaylist): string[] {
  const version = Number(head.get('EXT-X-VERSION') ?? 1);
  const issues: string[] = [];
  if (!(targetDuration > 0)) issues.push('no target duration');
  if (segments.some(({ map }) => map !== '') && version < MAP_VERSION)
    issues.push('EXT-X-MAP needs version 6');
  if (skipped > 0 && version < SKIP_VERSION) issues.push('EXT-X-SKIP needs version 9');
  if (head.has('EXT-X-SKIP') && !(skipped > 0)) issues.push('EXT-X-SKIP that skips nothing');
  if (segments.some(({ parts }) => parts.length > 0) && partTarget === 0)
    issues.push('parts without PART-TARGET');
  return issues;
}

function serverControlIssues({
  serverControl,
  targetDuration,
  partTarget,
  skipped,
}: ParsedPlaylist): string[] {
  const issues: string[] = [];
  const number = (name: string): number | undefined =>
    serverControl.has(name) ? Number(serverControl.get(name)) : undefined;
  const holdBack = number('HOLD-BACK');
  const partHoldBack = number('PART-HOLD-BACK');
  const skipUntil = number('CAN-SKIP-UNTIL');
  if (holdBack !== undefined && !(holdBack >= HOLD_BACK_TARGETS_MIN * targetDuration)) {
    issues.push('HOLD-BACK below three target durations');
  }
  if (partTarget > 0 && !((partHoldBack ?? 0) >= PART_HOLD_BACK_MIN * partTarget - ROUNDING_SECONDS)) {
    issues.push('PART-HOLD-BACK below three parts');
  }
  if (partTarget > 0 && serverControl.get('CAN-BLOCK-RELOAD') !== 'YES')
    issues.push('parts without blocking reload');
  if (skipUntil !== undefined && !(skipUntil >= SKIP_TARGETS_MIN * targetDuration)) {
    issues.push('CAN-SKIP-UNTIL below six target durations');
  }
  if (skipped > 0 && skipUntil === undefined) issues.push('EXT-X-SKIP without CAN-SKIP-UNTIL');
  return issues;
}

function segmentIssues(segment: ParsedSegment, playlist: ParsedPlaylist): string[] {
  const { sequence, uri, duration, parts } = segment;
  const { targetDuration, partTarget, head } = playlist;
  const issues: string[] = [];
  if (Math.round(duration) > targetDuration) issues.push(`segment ${sequence} lasts ${duration} s`);
  if (duration <= 0) issues.push(`segment ${sequence} has no duration`);
  for (const [index, part] of parts.entries()) {
    const name = `part ${sequence}.${index}`;
    if (part.duration > partTarget + ROUNDING_SECONDS) issues.push(`${name} lasts ${part.duration} s`);
    const isFree = part.independent || index === parts.length - 1;
    if (!isFree && part.duration < PART_SHARE_MIN * partTarget)
      issues.push(`${name} is below 85 % of the target`);
  }
  const sum = parts.reduce((total, part) => total + part.duration, 0);
  const isWhole = uri !== undefined && parts.length > 0;
  if (isWhole && Math.abs(sum - duration) > ROUNDING_SECONDS * (parts.length + 1)) {
    issues.push(`parts of segment ${sequence} last ${sum} s, itself ${duration} s`);
  }
  const isSaidIndependent = head.has('EXT-X-INDEPENDENT-SEGMENTS');
  if (isSaidIndependent && parts.length > 0 && !parts[0].independent) {
    issues.push(`segment ${sequence} begins with a part that is not independent`);
  }
  return issues;
}

function dateIssues(segments: readonly ParsedSegment[]): string[] {
  const issues: string[] = [];
  for (const [index, { wallMs, sequence, discontinuity }] of segments.entries()) {
    const before = segments[index - 1];
    if (wallMs === undefined) {
      if (index === 0) issues.push('the first segment has no date');
      continue;
    }
    if (before?.wallMs === undefined) continue;
    const offMs = wallMs - before.wallMs - before.duration * 1000;
    // What another publisher sends may overlap what was sent before, whose last picture may be counted too long.
    const isOff = discontinuity
      ? wallMs < before.wallMs - WALL_OVERLAP_MS_MAX
      : Math.abs(offMs) > WALL_TOLERANCE_MS;
    if (isOff) issues.push(`the date of segment ${sequence} is off by ${Math.round(offMs)} ms`);
  }
  return issues;
}

/** What stands at the live end: hints, reports, and parts only near it. */
function edgeIssues(playlist: ParsedPlaylist): string[] {
  const { segments, hints, reports, ended, partTarget, targetDuration } = playlist;
  const issues: string[] = [];
  if (ended && (hints.length > 0 || segments.at(-1)?.uri === undefined))
    issues.push('an end that announces more');
  if (hints.length > 1) issues.push('more than one hint');
  if (!ended && partTarget > 0 && hints.length === 0) issues.push('no hint for the next part');
  const uris = segments.flatMap(({ uri, parts }) => [
    ...parts.map((part) => part.uri),
    ...(uri ? [uri] : []),
  ]);
  if (new Set([...uris, ...hints]).size !== uris.length + hints.length) issues.push('an address twice');
  for (const report of reports) {
    if (!report.get('URI')?.startsWith('"') || !report.has('LAST-MSN'))
      issues.push('a report without its fields');
    if (partTarget > 0 && !report.has('LAST-PART')) issues.push('a report without LAST-PART');
  }
  let behind = 0;
  for (const { duration, parts, sequence } of segments.toReversed()) {
    const listedSeconds = PARTS_LISTED_TARGETS * targetDuration + ROUNDING_SECONDS * segments.length;
    if (parts.length > 0 && behind > listedSeconds) {
      issues.push(`segment ${sequence} still lists parts`);
    }
    behind += duration;
  }
  return issues;
}

function changeIssues(before: ParsedPlaylist, after: ParsedPlaylist): string[] {
  const issues: string[] = [];
  if (before.targetDuration !== after.targetDuration) issues.push('the target duration changes');
  if (before.partTarget !== after.partTarget) issues.push('the part target changes');
  if (after.mediaSequence < before.mediaSequence) issues.push('the media sequence falls');
  if (lastOf(after) < lastOf(before)) issues.push('the last segment is taken back');
  if (before.ended && !after.ended) issues.push('the end is taken back');
  return [
    ...issues,
    ...removalIssues(before, after),
    ...hintIssues(before, after),
    ...before.segments.flatMap((segment) => sameSegmentIssues(segment, after)),
  ];
}

/** Sequence number and count of parts at the end, as one number that must not fall. */
function lastOf({ segments }: ParsedPlaylist): number {
  const last = segments.at(-1);
  return last ? last.sequence + (last.uri === undefined ? 0 : 1) : 0;
}

function removalIssues(before: ParsedPlaylist, after: ParsedPlaylist): string[] {
  const removed = before.segments.filter(({ sequence }) => sequence < after.mediaSequence);
  if (removed.length === 0) return [];
  const issues: string[] = [];
  const isKnown = before.skipped === 0;
  const discontinuities = removed.filter(({ discontinuity }) => discontinuity).length;
  const expected = before.discontinuitySequence + discontinuities;
  const allGone = removed.length === before.segments.length;
  if (isKnown && !allGone && after.discontinuitySequence !== expected) {
    issues.push(`the discontinuity sequence is ${after.discontinuitySequence}, not ${expected}`);
  }
  if (after.discontinuitySequence < expected) issues.push('the discontinuity sequence is too low');
  const whole = after.segments.filter(({ uri }) => uri !== undefined);
  const seconds = whole.reduce((sum, { duration }) => sum + duration, 0);
  const leastSeconds = WINDOW_TARGETS_MIN * after.targetDuration;
  if (after.skipped === 0 && !allGone && seconds < leastSeconds - ROUNDING_SECONDS * whole.length) {
    issues.push(`only ${seconds} s are left`);
  }
  return issues;
}

/** What was announced must be what came, unless it could not: players have asked for it already. */
function hintIssues(before: ParsedPlaylist, after: ParsedPlaylist): string[] {
  const [hint] = before.hints;
  const last = before.segments.at(-1);
  if (hint === undefined || last === undefined) return [];
  const known = new Set(before.segments.flatMap(({ parts }) => parts.map(({ uri }) => uri)));
  const fresh = after.segments.find(
    ({ parts, sequence }) => sequence >= last.sequence && parts.some(({ uri }) => !known.has(uri)),
  );
  const next = fresh?.parts.find(({ uri }) => !known.has(uri));
  if (!fresh || !next || next.uri === hint || fresh.discontinuity) return [];
  return [`${hint} was announced, ${next.uri} came`];
}

function sameSegmentIssues(before: ParsedSegment, { segments, mediaSequence }: ParsedPlaylist): string[] {
  const name = `segment ${before.sequence}`;
  const after = segments.find(({ sequence }) => sequence === before.sequence);
  if (after === undefined) {
    const isSkipped = segments.length > 0 && before.sequence < segments[0].sequence;
    return before.sequence < mediaSequence || isSkipped ? [] : [`${name} is missing`];
  }
  const issues: string[] = [];
  const isWhole = before.uri !== undefined;
  if (isWhole && before.uri !== after.uri) issues.push(`${name} changes its address`);
  if (isWhole && before.duration !== after.duration) issues.push(`${name} changes its duration`);
  if (before.discontinuity !== after.discontinuity) issues.push(`${name} changes its discontinuity`);
  if (before.wallMs !== after.wallMs) issues.push(`${name} changes its date`);
  // A delta update does not repeat the address of the init segment.
  const areMapsKnown = before.map !== '' && after.map !== '';
  if (areMapsKnown && before.map !== after.map) issues.push(`${name} changes its map`);
  if (after.parts.length === 0) return issues;
  for (const [index, part] of before.parts.entries()) {
    const same = after.parts[index];
    const isSame = same && same.uri === part.uri && same.duration === part.duration;
    if (!isSame || same.independent !== part.independent) issues.push(`${name} changes part ${index}`);
  }
  return issues;
}
