/** A part as a playlist lists it. */
export interface ParsedPart {
  readonly uri: string;
  readonly duration: number;
  readonly independent: boolean;
}

/** A segment as a playlist lists it; the last may have parts alone. */
export interface ParsedSegment {
  readonly sequence: number;
  /** Undefined while only parts of it are there. */
  uri: string | undefined;
  duration: number;
  readonly discontinuity: boolean;
  /** Address of the init segment; empty if there is none. */
  readonly map: string;
  /** Unix ms; undefined if not told. */
  readonly wallMs: number | undefined;
  readonly parts: ParsedPart[];
}

/** A media playlist, read with all complaints about its form. */
export interface ParsedPlaylist {
  /** Tags that appear once, by name: their value. */
  readonly head: ReadonlyMap<string, string>;
  readonly serverControl: ReadonlyMap<string, string>;
  readonly targetDuration: number;
  /** 0 if there are no parts. */
  readonly partTarget: number;
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly skipped: number;
  readonly segments: readonly ParsedSegment[];
  readonly hints: readonly string[];
  readonly reports: readonly ReadonlyMap<string, string>[];
  readonly ended: boolean;
  readonly issues: string[];
}

const HEAD_TAGS = new Set([
  'EXT-X-VERSION',
  'EXT-X-INDEPENDENT-SEGMENTS',
  'EXT-X-TARGETDURATION',
  'EXT-X-SERVER-CONTROL',
  'EXT-X-PART-INF',
  'EXT-X-MEDIA-SEQUENCE',
  'EXT-X-DISCONTINUITY-SEQUENCE',
  'EXT-X-SKIP',
  'EXT-X-ENDLIST',
]);
/** They must stand before the first segment and its parts. */
const BEFORE_SEGMENTS = new Set(['EXT-X-MEDIA-SEQUENCE', 'EXT-X-DISCONTINUITY-SEQUENCE', 'EXT-X-SKIP']);
const TAG = /^#(EXT[A-Z0-9-]*)(?::(.*))?$/;
const ATTRIBUTE = /([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)(?:,|$)/y;
const DECIMAL = /^\d+(\.\d+)?$/;
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

interface Draft {
  head: Map<string, string>;
  segments: ParsedSegment[];
  parts: ParsedPart[];
  hints: string[];
  reports: Map<string, string>[];
  issues: string[];
  map: string;
  discontinuity: boolean;
  wallMs: number | undefined;
  duration: number | undefined;
}

/** Reads a media playlist line by line; what is wrong with its form is in `issues`. */
export function parseMediaPlaylist(text: string): ParsedPlaylist {
  const draft: Draft = {
    head: new Map(),
    segments: [],
    parts: [],
    hints: [],
    reports: [],
    issues: [],
    map: '',
    discontinuity: false,
    wallMs: undefined,
    duration: undefined,
  };
  const lines = text.split('\n');
  if (lines[0] !== '#EXTM3U') draft.issues.push('the first line is not #EXTM3U');
  if (lines.at(-1) !== '') draft.issues.push('the last line is not ended');
  for (const line of lines.slice(1)) readLine(line, draft);
  if (draft.duration !== undefined) draft.issues.push('EXTINF without an address');
  if (draft.parts.length > 0) finishSegment(draft, undefined);
  return toPlaylist(draft);
}

function readLine(line: string, draft: Draft): void {
  if (line === '') return;
  if (!line.startsWith('#')) {
    if (draft.duration === undefined) draft.issues.push(`address without EXTINF: ${line}`);
    finishSegment(draft, line);
    return;
  }
  const tag = TAG.exec(line);
  if (tag === null) {
    if (line.startsWith('#EXT')) draft.issues.push(`malformed tag: ${line}`);
    return;
  }
  const [, name, value = ''] = tag;
  if (HEAD_TAGS.has(name)) readHead(name, value, draft);
  else readSegmentTag(name, value, draft);
}

function readHead(name: string, value: string, draft: Draft): void {
  if (draft.head.has(name)) draft.issues.push(`${name} twice`);
  const hasSegments = draft.segments.length > 0 || draft.parts.length > 0 || draft.discontinuity;
  if (BEFORE_SEGMENTS.has(name) && hasSegments) draft.issues.push(`${name} after the first segment`);
  draft.head.set(name, value);
}

function readSegmentTag(name: string, value: string, draft: Draft): void {
  switch (name) {
    case 'EXTINF': {
      const [duration] = value.split(',');
      if (!value.includes(',')) draft.issues.push('EXTINF without a comma');
      draft.duration = decimal(duration, name, draft);
      break;
    }
    case 'EXT-X-PART':
      draft.parts.push(readPart(attributes(value, draft), draft));
      break;
    case 'EXT-X-MAP':
      draft.map = unquoted(attributes(value, draft).get('URI'), name, draft);
      break;
    case 'EXT-X-DISCONTINUITY':
      if (draft.parts.length > 0) draft.issues.push('EXT-X-DISCONTINUITY within a segment');
      draft.discontinuity = true;
      break;
    case 'EXT-X-PROGRAM-DATE-TIME':
      if (!DATE.test(value)) draft.issues.push(`malformed date ${value}`);
      draft.wallMs = Date.parse(value);
      break;
    case 'EXT-X-PRELOAD-HINT': {
      const hint = attributes(value, draft);
      if (hint.get('TYPE') === 'PART') draft.hints.push(unquoted(hint.get('URI'), name, draft));
      else draft.issues.push('a hint that is not for a part');
      break;
    }
    case 'EXT-X-RENDITION-REPORT':
      draft.reports.push(attributes(value, draft));
      break;
    default:
      draft.issues.push(`unknown tag ${name}`);
  }
}

function readPart(part: ReadonlyMap<string, string>, draft: Draft): ParsedPart {
  if (draft.hints.length > 0) draft.issues.push('a part behind a hint');
  return {
    uri: unquoted(part.get('URI'), 'EXT-X-PART', draft),
    duration: decimal(part.get('DURATION') ?? '', 'EXT-X-PART', draft),
    independent: part.get('INDEPENDENT') === 'YES',
  };
}

function finishSegment(draft: Draft, uri: string | undefined): void {
  const { parts, discontinuity, map, wallMs } = draft;
  const duration = draft.duration ?? parts.reduce((sum, part) => sum + part.duration, 0);
  // Numbers are given when all of the head is known.
  draft.segments.push({ sequence: 0, uri, duration, discontinuity, map, wallMs, parts });
  draft.parts = [];
  draft.discontinuity = false;
  draft.wallMs = undefined;
  draft.duration = undefined;
}

function toPlaylist(draft: Draft): ParsedPlaylist {
  const { head, issues, hints, reports } = draft;
  const integer = (name: string, absent: number): number => {
    const value = head.get(name);
    if (value !== undefined && !/^\d+$/.test(value)) issues.push(`${name} is not an integer`);
    return value === undefined ? absent : Number(value);
  };
  const serverControl = attributes(head.get('EXT-X-SERVER-CONTROL') ?? '', draft);
  const partInf = attributes(head.get('EXT-X-PART-INF') ?? '', draft);
  const skip = attributes(head.get('EXT-X-SKIP') ?? '', draft);
  const mediaSequence = integer('EXT-X-MEDIA-SEQUENCE', 0);
  const skipped = Number(skip.get('SKIPPED-SEGMENTS') ?? 0);
  return {
    head,
    serverControl,
    targetDuration: integer('EXT-X-TARGETDURATION', Number.NaN),
    partTarget: partInf.has('PART-TARGET')
      ? decimal(partInf.get('PART-TARGET') ?? '', 'PART-TARGET', draft)
      : 0,
    mediaSequence,
    discontinuitySequence: integer('EXT-X-DISCONTINUITY-SEQUENCE', 0),
    skipped,
    segments: draft.segments.map((segment, index) => ({
      ...segment,
      sequence: mediaSequence + skipped + index,
    })),
    hints,
    reports,
    ended: head.has('EXT-X-ENDLIST'),
    issues,
  };
}

/** Reads an attribute list (RFC 8216bis, 4.2). */
function attributes(text: string, draft: Draft): Map<string, string> {
  const found = new Map<string, string>();
  ATTRIBUTE.lastIndex = 0;
  while (ATTRIBUTE.lastIndex < text.length) {
    const match = ATTRIBUTE.exec(text);
    if (match === null) {
      draft.issues.push(`malformed attributes: ${text}`);
      return found;
    }
    if (found.has(match[1])) draft.issues.push(`${match[1]} twice`);
    found.set(match[1], match[2]);
  }
  return found;
}

function unquoted(value: string | undefined, name: string, draft: Draft): string {
  if (value?.startsWith('"')) return value.slice(1, -1);
  draft.issues.push(`${name} without a quoted URI`);
  return '';
}

function decimal(value: string, name: string, draft: Draft): number {
  if (!DECIMAL.test(value)) draft.issues.push(`${name} with "${value}" for a number`);
  return Number(value);
}
