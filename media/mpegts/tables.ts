import { crc32Mpeg2 } from './crc32.ts';

export const pid = { programAssociation: 0, programMap: 0x1000, video: 0x100, audio: 0x101 } as const;

/** Stream types (ISO/IEC 13818-1, table 2-34). */
const streamType = { video: 0x1b, audio: 0x0f } as const;
const TRANSPORT_STREAM_ID = 1;
const PROGRAM_NUMBER = 1;
const tableId = { programAssociation: 0, programMap: 2 } as const;
const CRC_BYTES = 4;
/** Fields behind the length that every section has. */
const SECTION_FIELDS_BYTES = 5;

/** Section that names the one program (ISO/IEC 13818-1, 2.4.4.3). */
export function programAssociation(): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt16BE(PROGRAM_NUMBER, 0);
  body.writeUInt16BE(0xe000 | pid.programMap, 2);
  return section(tableId.programAssociation, TRANSPORT_STREAM_ID, body);
}

/** Section that names the streams of the program; video carries the clock if there is video (2.4.4.8). */
export function programMap(kinds: readonly ('video' | 'audio')[]): Buffer {
  const clockPid = kinds.includes('video') ? pid.video : pid.audio;
  const body = Buffer.alloc(4 + kinds.length * 5);
  body.writeUInt16BE(0xe000 | clockPid, 0);
  body.writeUInt16BE(0xf000, 2);
  for (const [index, kind] of kinds.entries()) {
    const offset = 4 + index * 5;
    body[offset] = streamType[kind];
    body.writeUInt16BE(0xe000 | pid[kind], offset + 1);
    body.writeUInt16BE(0xf000, offset + 3);
  }
  return section(tableId.programMap, PROGRAM_NUMBER, body);
}

function section(id: number, extension: number, body: Buffer): Buffer {
  const bytes = Buffer.alloc(3 + SECTION_FIELDS_BYTES + body.length + CRC_BYTES);
  bytes[0] = id;
  bytes.writeUInt16BE(0xb000 | (SECTION_FIELDS_BYTES + body.length + CRC_BYTES), 1);
  bytes.writeUInt16BE(extension, 3);
  // Version 0, valid now, section 0 of 0.
  bytes[5] = 0xc1;
  body.copy(bytes, 8);
  bytes.writeUInt32BE(crc32Mpeg2(bytes.subarray(0, -CRC_BYTES)), bytes.length - CRC_BYTES);
  return bytes;
}
