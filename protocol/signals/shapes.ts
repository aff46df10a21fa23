import { deliveries, type RoomRules } from './signal.ts';

/** Fields of an object out of JSON, before they are checked. */
export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A whole number from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isText(value: unknown, lengthMax = Infinity): value is string {
  return typeof value === 'string' && value.length <= lengthMax;
}

export function isOneOf<Value extends string>(value: unknown, values: readonly Value[]): value is Value {
  return values.includes(value as Value);
}

export function isListOf<Item>(
  value: unknown,
  isItem: (item: unknown) => item is Item,
): value is readonly Item[] {
  return Array.isArray(value) && value.every((item) => isItem(item));
}

const switchesOfRules = ['followersOnly', 'emoteOnly', 'uniqueChat', 'holdsAll', 'isClosed'] as const;

export function isRoomRules(value: unknown): value is RoomRules {
  return (
    isFields(value) &&
    isCount(value['slowModeSeconds']) &&
    isOneOf(value['delivery'], deliveries) &&
    switchesOfRules.every((name) => typeof value[name] === 'boolean')
  );
}
