import {
  clientMessageBytesMax,
  type ClientMessage,
  type ClientSignal,
  type HelloMessage,
  type Position,
} from './messages.ts';
import { isCount, isFields, isListOf, isOneOf, isText, type Fields } from './shapes.ts';
import type { ClientKind } from './signal.ts';

/** A `send` of a signal that this version does not know: refused by its id, and the connection goes on. */
export interface UnknownSend {
  readonly type: 'unknown-send';
  readonly id: string;
}

const sendIdLengthMax = 32;
const ticketLengthMax = 2048;
const kindTextLengthMax = 32;
const capabilitiesMax = 16;
const partsMax = 64;
const partNameLengthMax = 64;
const signalIdLengthMax = 64;

/**
 * What a client sent, with the fields that this version knows and no others; undefined for what is no message. Lengths
 * of comments are not looked at here: who judges them refuses them by code.
 */
export function parseClientMessage(text: string): ClientMessage | UnknownSend | undefined {
  if (text.length > clientMessageBytesMax) return undefined;
  const fields = readJson(text);
  if (!isFields(fields)) return undefined;
  return isOneOf(fields['type'], messageTypes) ? parsers[fields['type']](fields) : undefined;
}

type Parser = (fields: Fields) => ClientMessage | UnknownSend | undefined;

const parsers = {
  hello: parseHello,
  send: ({ id, signal }) => {
    if (!isText(id, sendIdLengthMax) || id === '') return undefined;
    const known = parseClientSignal(signal);
    return known ? { type: 'send', id, signal: known } : { type: 'unknown-send', id };
  },
  repair: ({ after }) => {
    const position = parsePosition(after);
    return position && { type: 'repair', after: position };
  },
  state: ({ versions }) => {
    const known = parseVersions(versions);
    return known && { type: 'state', versions: known };
  },
  health: ({ media }) => (isOneOf(media, mediaHealths) ? { type: 'health', media } : undefined),
  ping: ({ atMs }) => (isNumber(atMs) ? { type: 'ping', atMs } : undefined),
} satisfies Record<ClientMessage['type'], Parser>;

const messageTypes = Object.keys(parsers) as (keyof typeof parsers)[];
const mediaHealths = ['good', 'poor', 'stalled'] as const;

function parseHello({ ticket, client, resume }: Fields): HelloMessage | undefined {
  const kind = parseClientKind(client);
  if (!isText(ticket, ticketLengthMax) || !kind) return undefined;
  if (resume === undefined) return { type: 'hello', ticket, client: kind };
  const position = parsePosition(resume);
  const stateVersion = (resume as Fields)?.['stateVersion'];
  if (!position || !isCount(stateVersion)) return undefined;
  return { type: 'hello', ticket, client: kind, resume: { ...position, stateVersion } };
}

function parseClientKind(value: unknown): ClientKind | undefined {
  if (!isFields(value)) return undefined;
  const { platform, version, capabilities } = value;
  if (!isKindText(platform) || !isCount(version)) return undefined;
  if (!isListOf(capabilities, isKindText) || capabilities.length > capabilitiesMax) return undefined;
  return { platform, version, capabilities };
}

/** Undefined for a signal that this version does not know, or that lacks something. */
function parseClientSignal(value: unknown): ClientSignal | undefined {
  if (!isFields(value)) return undefined;
  const { type, text, mediaMs, count, signalId } = value;
  if (type === 'comment' && isText(text)) {
    return { type, text, ...(isCount(mediaMs) ? { mediaMs } : {}) };
  }
  if (type === 'like' && isCount(count)) return { type, count };
  if (type === 'retract' && isText(signalId, signalIdLengthMax)) return { type, signalId };
  return undefined;
}

function parsePosition(value: unknown): Position | undefined {
  if (!isFields(value)) return undefined;
  const { epoch, offset, durable } = value;
  return isCount(epoch) && isCount(offset) && isCount(durable) ? { epoch, offset, durable } : undefined;
}

function parseVersions(value: unknown): Readonly<Record<string, number>> | undefined {
  if (!isFields(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > partsMax) return undefined;
  if (!entries.every(([name, version]) => isText(name, partNameLengthMax) && isCount(version)))
    return undefined;
  return value as Readonly<Record<string, number>>;
}

function isKindText(value: unknown): value is string {
  return isText(value, kindTextLengthMax);
}

function isNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
