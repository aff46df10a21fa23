import { BitWriter } from '../bytes/index.ts';

const SINGLE_CHANNEL_ELEMENT = 0;
const CHANNEL_PAIR_ELEMENT = 1;
const END_ELEMENT = 7;

/** A channel stream without a single spectral band: its samples are exactly zero (ISO/IEC 14496-3, 4.4.2.7). */
function writeSilentChannel(bits: BitWriter): void {
  const globalGain = 0;
  const maxSfb = 0;
  bits.bits(8, globalGain);
  // ics_info: reserved, long window, sine shape, no bands, no prediction.
  bits.bits(1, 0).bits(2, 0).bits(1, 0).bits(6, maxSfb).bits(1, 0);
  // No pulses, no temporal noise shaping, no gain control.
  bits.bits(3, 0);
}

function build(channels: 1 | 2): Buffer {
  const bits = new BitWriter();
  bits.bits(3, channels === 1 ? SINGLE_CHANNEL_ELEMENT : CHANNEL_PAIR_ELEMENT).bits(4, 0);
  // A pair without a common window carries the window of each channel.
  if (channels === 2) bits.bits(1, 0);
  for (let channel = 0; channel < channels; channel++) writeSilentChannel(bits);
  return bits.bits(3, END_ELEMENT).toBuffer();
}

const frames = { 1: build(1), 2: build(2) };

/** One raw AAC-LC frame of silence, for any sampling rate. The Buffer is shared: do not change it. */
export function silentFrame(channels: 1 | 2): Buffer {
  return frames[channels];
}
