import { encodeAmf0, type AmfObject } from '@gala/media/amf';

/**
 * Script tags by which edges speak to players and to each other all begin with `onGala`. What a publisher sends under
 * such a name is left out: it could send viewers anywhere.
 */
const reserved = Buffer.from('onGala');
/** Where the name begins behind the markers of AMF0's two kinds of strings (AMF 0, 2.4 and 2.14). */
const nameOffsets: Readonly<Record<number, number>> = { 0x02: 3, 0x0c: 5 };

/** True if the name of this AMF0 data message is one that only edges may use. */
export function isReserved(payload: Buffer): boolean {
  const from = nameOffsets[payload[0]] ?? payload.length;
  const to = from + reserved.length;
  return payload.length >= to && payload.compare(reserved, 0, reserved.length, from, to) === 0;
}

export type ScriptName = `onGala${string}`;

/** The payload of a script tag of ours: its name and one object. */
export function encodeScript(name: ScriptName, fields: AmfObject): Buffer {
  return encodeAmf0(name, fields);
}
