import { parseJson } from './bytes.ts';
import { decodeBatch } from './codec.ts';
import type { ServerMessage } from './messages.ts';
import { isCount, isFields, isListOf, isOneOf, isRoomRules, isText, type Fields } from './shapes.ts';
import { signalClasses, tiers, type Batch, type ClassCount, type Signal, type StatePart } from './signal.ts';

/** JSON text of a server message: all of them for `gala.signals.v1.json`, all but batches for `gala.signals.v1`. */
export function stringifyServerMessage(message: ServerMessage): string {
  return JSON.stringify(message);
}

/**
 * What a server sent: a batch out of a binary frame, anything out of a text frame. Undefined for a message of a type
 * that this version does not know, which is passed over.
 * @throws RangeError for what is no message, or lacks a field
 */
export function readServerMessage(data: string | ArrayBuffer | Uint8Array): ServerMessage | undefined {
  if (typeof data !== 'string') {
    return { type: 'batch', batch: decodeBatch(data instanceof Uint8Array ? data : new Uint8Array(data)) };
  }
  const fields = parseJson(data);
  if (!isFields(fields) || !isText(fields['type'])) throw new RangeError('the message has no type');
  const type = fields['type'];
  if (!isOneOf(type, messageTypes)) return undefined;
  if (!checks[type](fields)) throw new RangeError(`a message ${type} lacks a field, or has a wrong one`);
  return dropUnknownSignals(fields as unknown as ServerMessage);
}

const checks: Readonly<Record<ServerMessage['type'], (fields: Fields) => boolean>> = {
  welcome: (fields) =>
    areCounts(fields, ['epoch', 'offset', 'durable', 'stateVersion', 'serverMs', 'heartBeatMs']) &&
    typeof fields['isComplete'] === 'boolean' &&
    isListOf(fields['state'], isStatePart) &&
    isRoomRules(fields['rules']) &&
    isOneOf(fields['tier'], tiers) &&
    isText(fields['resumeTicket']),
  batch: ({ batch }) => isBatch(batch),
  reply: (fields) =>
    areTexts(fields, ['id', 'code', 'signalId']) &&
    areCounts(fields, ['retryAfterMs']) &&
    typeof fields['isHeld'] === 'boolean',
  state: (fields) => areCounts(fields, ['stateVersion']) && isListOf(fields['parts'], isStatePart),
  repaired: (fields) =>
    areCounts(fields, ['epoch', 'offset', 'durable']) && typeof fields['isComplete'] === 'boolean',
  peer: ({ signal }) => isSignal(signal),
  pong: (fields) => Number.isFinite(fields['atMs']) && areCounts(fields, ['serverMs']),
  move: (fields) => isListOf(fields['urls'], isUrl) && areCounts(fields, ['withinMs']),
  bye: (fields) => areTexts(fields, ['code']) && areCounts(fields, ['retryAfterMs']),
};
const messageTypes = Object.keys(checks) as ServerMessage['type'][];

/** Whether it has the fields of a batch; signals of unknown types are let pass. */
export function isBatch(value: unknown): value is Batch {
  return (
    isFields(value) &&
    areCounts(value, ['epoch', 'from', 'to', 'atMs', 'stateVersion', 'durable']) &&
    isOneOf(value['tier'], tiers) &&
    isListOf(value['counts'], isClassCount) &&
    isListOf(value['signals'], isSignal) &&
    isListOf(value['state'], isStatePart)
  );
}

export function isStatePart(value: unknown): value is StatePart {
  return isFields(value) && isText(value['name']) && areCounts(value, ['version', 'stateVersion']);
}

function isClassCount(value: unknown): value is ClassCount {
  return (
    isFields(value) &&
    isOneOf(value['class'], signalClasses) &&
    areCounts(value, ['offered', 'merged', 'shed'])
  );
}

/** The fields of each type beside those that all signals have; `author` is checked by itself. */
const ownFields: Readonly<Record<Signal['type'], (fields: Fields) => boolean>> = {
  comment: (fields) => isAuthor(fields['author']) && isText(fields['text']) && isCount(fields['count']),
  like: (fields) => isCount(fields['count']),
  enter: (fields) => isAuthor(fields['author']) && isCount(fields['count']),
  follow: (fields) => isAuthor(fields['author']),
  gift: (fields) =>
    isAuthor(fields['author']) && areTexts(fields, ['giftId', 'entryId']) && isCount(fields['count']),
  retract: (fields) => isText(fields['retracted']),
  mute: (fields) => areCounts(fields, ['userId', 'untilMs']) && typeof fields['removes'] === 'boolean',
  rules: (fields) => isRoomRules(fields['rules']),
  ended: () => true,
  notice: (fields) => isText(fields['name']),
};
const signalTypes = Object.keys(ownFields) as Signal['type'][];

function isSignal(value: unknown): value is Signal {
  if (!isFields(value) || !isText(value['type']) || !isOneOf(value['class'], signalClasses)) return false;
  if (!areCounts(value, ['offset', 'atMs']) || !isText(value['signalId'])) return false;
  if (value['mediaMs'] !== undefined && !isCount(value['mediaMs'])) return false;
  return !isOneOf(value['type'], signalTypes) || ownFields[value['type']](value);
}

function isAuthor(value: unknown): boolean {
  return isFields(value) && isCount(value['userId']) && areTexts(value, ['name', 'role']);
}

function dropUnknownSignals(message: ServerMessage): ServerMessage | undefined {
  if (message.type === 'peer') return isOneOf(message.signal.type, signalTypes) ? message : undefined;
  if (message.type !== 'batch') return message;
  return { type: 'batch', batch: withKnownSignals(message.batch) };
}

/** A batch without the signals that this version does not know. */
export function withKnownSignals(batch: Batch): Batch {
  return { ...batch, signals: batch.signals.filter(({ type }) => isOneOf(type, signalTypes)) };
}

function isUrl(value: unknown): value is string {
  return isText(value);
}

function areCounts(fields: Fields, names: readonly string[]): boolean {
  return names.every((name) => isCount(fields[name]));
}

function areTexts(fields: Fields, names: readonly string[]): boolean {
  return names.every((name) => isText(fields[name]));
}
