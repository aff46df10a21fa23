import { uint16, uint32 } from './box.ts';
import { Mp4Error } from './errors.ts';

const MAGIC = 'OpusHead';
const HEAD_BYTES_MIN = 19;
/** Samples of one frame at 48 kHz by configuration number (RFC 6716, table 2). */
const SILK_SAMPLES = [480, 960, 1920, 2880];
const HYBRID_SAMPLES = [480, 960];
const CELT_SAMPLES = [120, 240, 480, 960];
const FRAMES_MAX = 48;

/** Opus runs at this rate whatever its input was. */
export const opusRateHz = 48_000;

/** Body of `dOps` (Opus in ISOBMFF, 4.3.2) from the identification header (RFC 7845, 5.1) of a sequence header. */
export function opusRecord(head: Buffer): Buffer {
  const isHead = head.length >= HEAD_BYTES_MIN && head.toString('latin1', 0, MAGIC.length) === MAGIC;
  if (!isHead) throw new Mp4Error('CODEC_CONFIG_INVALID', 'OpusHead');
  const channels = head[9];
  const mapping = head[18];
  const mappingBytes = mapping === 0 ? 0 : 2 + channels;
  if (channels === 0 || head.length < HEAD_BYTES_MIN + mappingBytes) {
    throw new Mp4Error('CODEC_CONFIG_INVALID', 'OpusHead channels');
  }
  return Buffer.concat([
    Buffer.from([0, channels]),
    uint16(head.readUInt16LE(10)),
    uint32(head.readUInt32LE(12)),
    uint16(head.readUInt16LE(16)),
    head.subarray(18, HEAD_BYTES_MIN + mappingBytes),
  ]);
}

/** Samples in a packet at 48 kHz (RFC 6716, 3.1 and 3.2). */
export function opusPacketSamples(packet: Buffer): number {
  if (packet.length === 0) throw new Mp4Error('CODEC_CONFIG_INVALID', 'empty Opus packet');
  const config = packet[0] >>> 3;
  const frames = [1, 2, 2, packet.length > 1 ? packet[1] & 0x3f : 1][packet[0] & 3];
  return frameSamples(config) * Math.min(Math.max(frames, 1), FRAMES_MAX);
}

function frameSamples(config: number): number {
  if (config < 12) return SILK_SAMPLES[config & 3];
  return config < 16 ? HYBRID_SAMPLES[config & 1] : CELT_SAMPLES[config & 3];
}
