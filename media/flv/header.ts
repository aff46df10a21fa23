import { MediaError } from '../error/index.ts';

/** Bytes in front of the first tag: the header and the size of the tag before it, which is 0. */
export const flvHeaderBytes = 13;
const SIGNATURE = 'FLV';
const VERSION = 1;
const DATA_OFFSET = 9;
const AUDIO_FLAG = 4;
const VIDEO_FLAG = 1;

/** What the header announces; senders often lie, so believe the tags. */
export interface FlvHeader {
  hasAudio: boolean;
  hasVideo: boolean;
}

/** Header and first back pointer (Adobe FLV 10.1, E.2). A player waits for every track that is announced. */
export function encodeFlvHeader(header: FlvHeader): Buffer {
  const bytes = Buffer.alloc(flvHeaderBytes);
  bytes.write(SIGNATURE, 'latin1');
  bytes[3] = VERSION;
  bytes[4] = (header.hasAudio ? AUDIO_FLAG : 0) | (header.hasVideo ? VIDEO_FLAG : 0);
  bytes.writeUInt32BE(DATA_OFFSET, 5);
  return bytes;
}

/** Reads the first 9 bytes. Errors: `FLV_HEADER_INVALID`. */
export function parseFlvHeader(bytes: Buffer): FlvHeader {
  const isFlv = bytes.length >= DATA_OFFSET && bytes.toString('latin1', 0, 3) === SIGNATURE;
  if (!isFlv || bytes.readUInt32BE(5) !== DATA_OFFSET) throw new MediaError('FLV_HEADER_INVALID');
  return { hasAudio: (bytes[4] & AUDIO_FLAG) !== 0, hasVideo: (bytes[4] & VIDEO_FLAG) !== 0 };
}
