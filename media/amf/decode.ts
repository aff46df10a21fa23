import { MediaError } from '../error/index.ts';
import { amfLimits, type AmfLimits } from './limits.ts';
import { marker } from './marker.ts';
import type { AmfObject, AmfValue } from './value.ts';

/** Reads AMF0 values one after the other out of one message, within limits. */
export class Amf0Reader {
  readonly #bytes: Buffer;
  readonly #limits: AmfLimits;
  #offset = 0;
  #values = 0;
  #depth = 0;

  constructor(bytes: Buffer, limits: AmfLimits = amfLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  /** True when no byte is left. */
  get done(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  /** Position of the next value in bytes. */
  get offset(): number {
    return this.#offset;
  }

  /** The next value. Errors: `AMF_*`. */
  read(): AmfValue {
    this.#values += 1;
    if (this.#values > this.#limits.valuesMax) throw new MediaError('AMF_TOO_MANY');
    const type = this.#bytes[this.#take(1)];
    switch (type) {
      case marker.number:
        return this.#bytes.readDoubleBE(this.#take(8));
      case marker.boolean:
        return this.#bytes[this.#take(1)] !== 0;
      case marker.string:
        return this.#string(this.#bytes.readUInt16BE(this.#take(2)));
      case marker.longString:
      case marker.xml:
        return this.#string(this.#bytes.readUInt32BE(this.#take(4)));
      case marker.null:
        return null;
      case marker.undefined:
      case marker.unsupported:
        return undefined;
      case marker.date:
        return this.#date();
      default:
        return this.#nested(type);
    }
  }

  #nested(type: number | undefined): AmfValue {
    if (this.#depth >= this.#limits.depthMax) throw new MediaError('AMF_TOO_DEEP');
    this.#depth += 1;
    const value = this.#container(type);
    this.#depth -= 1;
    return value;
  }

  #container(type: number | undefined): AmfValue {
    switch (type) {
      case marker.object:
        return this.#object();
      case marker.typedObject:
        this.#string(this.#bytes.readUInt16BE(this.#take(2)));
        return this.#object();
      case marker.ecmaArray:
        // The count is a hint that many encoders get wrong; the end marker alone ends the array.
        this.#take(4);
        return this.#object();
      case marker.strictArray:
        return this.#strictArray(this.#bytes.readUInt32BE(this.#take(4)));
      default:
        throw new MediaError('AMF_MARKER_UNKNOWN', String(type));
    }
  }

  #object(): AmfObject {
    const object = Object.create(null) as AmfObject;
    for (;;) {
      // Some encoders leave out the end marker of the last object of a message.
      if (this.done) return object;
      const key = this.#string(this.#bytes.readUInt16BE(this.#take(2)));
      if (key === '' && this.#bytes[this.#offset] === marker.objectEnd) {
        this.#offset += 1;
        return object;
      }
      object[key] = this.read();
    }
  }

  #strictArray(count: number): AmfValue[] {
    // A value takes at least a byte, so a larger count is a lie that need not be followed.
    if (count > this.#bytes.length - this.#offset) throw new MediaError('AMF_TRUNCATED');
    const array: AmfValue[] = [];
    for (let index = 0; index < count; index++) array.push(this.read());
    return array;
  }

  #date(): Date {
    const epochMs = this.#bytes.readDoubleBE(this.#take(8));
    // The time zone that follows is reserved and zero (AMF 0, section 2.13).
    this.#take(2);
    return new Date(epochMs);
  }

  #string(length: number): string {
    if (length > this.#limits.stringBytesMax) throw new MediaError('AMF_STRING_TOO_LONG');
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  #take(count: number): number {
    const start = this.#offset;
    if (count > this.#bytes.length - start) throw new MediaError('AMF_TRUNCATED');
    this.#offset = start + count;
    return start;
  }
}

/** All values of one message. Errors: `AMF_*`. */
export function decodeAmf0(bytes: Buffer, limits: AmfLimits = amfLimits): AmfValue[] {
  const reader = new Amf0Reader(bytes, limits);
  const values: AmfValue[] = [];
  while (!reader.done) values.push(reader.read());
  return values;
}
