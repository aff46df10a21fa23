import { marker } from './marker.ts';
import { EcmaArray, type AmfObject, type AmfValue } from './value.ts';

const SHORT_STRING_BYTES_MAX = 0xffff;
const OBJECT_END = Buffer.from([0, 0, marker.objectEnd]);

/** Encodes values one after the other, as commands and data messages carry them (AMF 0, section 2). */
export function encodeAmf0(...values: AmfValue[]): Buffer {
  const parts: Buffer[] = [];
  for (const value of values) writeValue(parts, value);
  return Buffer.concat(parts);
}

function writeValue(parts: Buffer[], value: AmfValue): void {
  if (value === null) parts.push(Buffer.from([marker.null]));
  else if (value === undefined) parts.push(Buffer.from([marker.undefined]));
  else if (typeof value === 'number') parts.push(double(marker.number, value));
  else if (typeof value === 'boolean') parts.push(Buffer.from([marker.boolean, value ? 1 : 0]));
  else if (typeof value === 'string') writeString(parts, value);
  else if (value instanceof Date) parts.push(double(marker.date, value.getTime()), Buffer.alloc(2));
  else if (Array.isArray(value)) writeStrictArray(parts, value);
  else if (value instanceof EcmaArray) writeEcmaArray(parts, value.properties);
  else writeObject(parts, value);
}

function double(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = type;
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function counted(type: number, count: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = type;
  bytes.writeUInt32BE(count, 1);
  return bytes;
}

function writeString(parts: Buffer[], value: string): void {
  const text = Buffer.from(value, 'utf8');
  if (text.length > SHORT_STRING_BYTES_MAX) parts.push(counted(marker.longString, text.length), text);
  else parts.push(Buffer.from([marker.string, text.length >>> 8, text.length & 0xff]), text);
}

function writeStrictArray(parts: Buffer[], values: AmfValue[]): void {
  parts.push(counted(marker.strictArray, values.length));
  for (const value of values) writeValue(parts, value);
}

function writeEcmaArray(parts: Buffer[], properties: AmfObject): void {
  parts.push(counted(marker.ecmaArray, Object.keys(properties).length));
  writeProperties(parts, properties);
}

function writeObject(parts: Buffer[], properties: AmfObject): void {
  parts.push(Buffer.from([marker.object]));
  writeProperties(parts, properties);
}

function writeProperties(parts: Buffer[], properties: AmfObject): void {
  for (const [key, value] of Object.entries(properties)) {
    const name = Buffer.from(key, 'utf8');
    if (name.length > SHORT_STRING_BYTES_MAX) throw new RangeError('an AMF key is limited to 65,535 bytes');
    parts.push(Buffer.from([name.length >>> 8, name.length & 0xff]), name);
    writeValue(parts, value);
  }
  parts.push(OBJECT_END);
}
